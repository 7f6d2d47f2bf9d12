#include "base/json_writer.hpp"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>

namespace relay {
namespace {

constexpr std::size_t kFirstRoom = 512;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::size_t kLongestNumber = 32;

constexpr std::uint64_t repeat(std::uint8_t byte) {
  return 0x0101010101010101ull * byte;
}

/// Whether one of the eight bytes needs a second look: a control, `"`, `\` or not ASCII. Eight at a
/// time in a plain register: as quick as SSE2 for the short strings of our frames, and portable.
bool has_special(std::uint64_t word) {
  const std::uint64_t quote = word ^ repeat('"');
  const std::uint64_t backslash = word ^ repeat('\\');
  const std::uint64_t found = (word - repeat(0x20)) | (quote - repeat(1)) | (backslash - repeat(1));
  return ((found | word) & repeat(0x80)) != 0;
}

std::uint64_t load8(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

bool is_special(unsigned char byte) {
  return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;
}

/// Copies bytes up to the first one that is special, in whole steps where it can, and says how many.
std::size_t copy_plain(char* to, const char* from, std::size_t size) {
  std::size_t done = 0;
  for (; size - done >= 8; done += 8) {
    const std::uint64_t word = load8(from + done);
    if (has_special(word)) break;
    std::memcpy(to + done, &word, sizeof word);
  }
  if (size >= 8 && size - done < 8) {
    // The last eight once more: overlapping is cheaper than a loop over single bytes.
    const std::uint64_t word = load8(from + size - 8);
    if (!has_special(word)) {
      std::memcpy(to + size - 8, &word, sizeof word);
      return size;
    }
  }
  while (done < size && !is_special(static_cast<unsigned char>(from[done]))) {
    to[done] = from[done];
    ++done;
  }
  return done;
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The length of the UTF-8 sequence at the front, 0 when it is not one (truncated, overlong, a
/// surrogate, beyond U+10FFFF). The front is not ASCII.
std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const auto second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0;
  if (first >= 0xC2 && first <= 0xDF) return text.size() >= 2 && is_continuation(text[1]) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool fits = second >= (first == 0xE0 ? 0xA0 : 0x80) && second <= (first == 0xED ? 0x9F : 0xBF);
    return fits && text.size() >= 3 && is_continuation(text[2]) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool fits = second >= (first == 0xF0 ? 0x90 : 0x80) && second <= (first == 0xF4 ? 0x8F : 0xBF);
    return fits && text.size() >= 4 && is_continuation(text[2]) && is_continuation(text[3]) ? 4 : 0;
  }
  return 0;
}

constexpr std::string_view kHex = "0123456789abcdef";

std::size_t escape(unsigned char byte, char* to) {
  const auto two = [to](char second) {
    to[0] = '\\';
    to[1] = second;
    return std::size_t{2};
  };
  switch (byte) {
    case '"': return two('"');
    case '\\': return two('\\');
    case '\n': return two('n');
    case '\r': return two('r');
    case '\t': return two('t');
    case '\b': return two('b');
    case '\f': return two('f');
    default: break;
  }
  std::memcpy(to, "\\u00", 4);
  to[4] = kHex[byte >> 4];
  to[5] = kHex[byte & 15];
  return 6;
}

}  // namespace

JsonWriter::JsonWriter(std::string& out) : out_(out), at_(out.size()) {}

void JsonWriter::finish() {
  out_.resize(at_);
}

void JsonWriter::need(std::size_t size) {
  if (out_.size() - at_ >= size) return;
  out_.resize(std::max(std::max(out_.capacity(), at_ + size), at_ + kFirstRoom));
}

void JsonWriter::put(char byte) {
  need(1);
  out_[at_++] = byte;
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  assert((depth_ == 0 ? first_ : (objects_ >> (depth_ - 1) & 1) == 0) && "a value stands here");
  if (!first_) put(',');
  first_ = false;
}

void JsonWriter::begin(char bracket, bool object) {
  before_value();
  assert(depth_ < kMaxOpen);
  put(bracket);
  objects_ = (objects_ & ~(std::uint64_t{1} << depth_)) | (std::uint64_t{object} << depth_);
  ++depth_;
  first_ = true;
}

void JsonWriter::end(char bracket, [[maybe_unused]] bool object) {
  assert(depth_ > 0 && !after_key_ && ((objects_ >> (depth_ - 1) & 1) == 1) == object);
  put(bracket);
  --depth_;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  assert(depth_ > 0 && !after_key_ && (objects_ >> (depth_ - 1) & 1) == 1);
  if (!first_) put(',');
  first_ = false;
  quoted(name);
  put(':');
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  before_value();
  quoted(text);
}

void JsonWriter::literal(std::string_view word) {
  raw(word);
}

void JsonWriter::raw(std::string_view json) {
  assert(!json.empty());
  before_value();
  need(json.size());
  std::memcpy(out_.data() + at_, json.data(), json.size());
  at_ += json.size();
}

void JsonWriter::value(std::uint64_t number) {
  before_value();
  need(kLongestNumber);
  char* const to = out_.data() + at_;
  at_ += static_cast<std::size_t>(std::to_chars(to, to + kLongestNumber, number).ptr - to);
}

void JsonWriter::value(std::int64_t number) {
  before_value();
  need(kLongestNumber);
  char* const to = out_.data() + at_;
  at_ += static_cast<std::size_t>(std::to_chars(to, to + kLongestNumber, number).ptr - to);
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  std::array<char, kLongestNumber> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
  raw(shortest);
  // Without a mark a reader takes it for an integer: too big for one, or a zero without its sign.
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const bool marked = shortest.find_first_of(".e") != std::string_view::npos;
  const bool loses = std::abs(number) >= kExact || (number == 0.0 && std::signbit(number));
  if (!marked && loses) {
    put('.');
    put('0');
  }
}

void JsonWriter::quoted(std::string_view text) {
  put('"');
  for (;;) {
    need(text.size() + 8);
    const std::size_t plain = copy_plain(out_.data() + at_, text.data(), text.size());
    at_ += plain;
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x80) {
      at_ += escape(byte, out_.data() + at_);
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = utf8_length(text);
    const std::string_view out = length == 0 ? kReplacement : text.substr(0, length);
    std::memcpy(out_.data() + at_, out.data(), out.size());
    at_ += out.size();
    text.remove_prefix(length == 0 ? 1 : length);
  }
  put('"');
}

}  // namespace relay
