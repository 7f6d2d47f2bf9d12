#include "wire/json_mend.hpp"

#include <charconv>
#include <cstdint>

namespace relay::wire {
namespace {

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/// The code unit of a `\uXXXX` at the front, or nothing.
std::optional<unsigned> unit_at(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  unsigned unit = 0;
  const char* const end = text.data() + 6;
  const auto parsed = std::from_chars(text.data() + 2, end, unit, 16);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return unit;
}

bool is_high(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

bool fits_64_bits(std::string_view integer) {
  const char* const end = integer.data() + integer.size();
  if (integer[0] == '-') {
    std::int64_t number = 0;
    return std::from_chars(integer.data(), end, number).ec == std::errc{};
  }
  std::uint64_t number = 0;
  return std::from_chars(integer.data(), end, number).ec == std::errc{};
}

class Mender {
 public:
  explicit Mender(std::string_view text) : text_(text) { out_.reserve(text.size() + 16); }

  std::optional<std::string> run() && {
    bool in_string = false;
    while (at_ < text_.size()) {
      take_plain(in_string);
      if (at_ == text_.size()) break;
      if (text_[at_] == '"') {
        in_string = !in_string;
        take(1);
      } else if (in_string) {
        escape();
      } else {
        number();
      }
    }
    if (!mended_) return std::nullopt;
    return std::move(out_);
  }

 private:
  void take(std::size_t size) {
    out_.append(text_.substr(at_, size));
    at_ += size;
  }

  /// Up to the next byte that may need work. In one piece: a hostile document has megabytes.
  void take_plain(bool in_string) {
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != '"' &&
           (in_string ? text_[end] != '\\' : text_[end] != '-' && !is_digit(text_[end]))) {
      ++end;
    }
    take(end - at_);
  }

  void escape() {
    const auto unit = unit_at(text_.substr(at_));
    if (!unit || (!is_high(*unit) && !is_low(*unit))) return take(2);
    if (is_high(*unit)) {
      const auto next = unit_at(text_.substr(std::min(at_ + 6, text_.size())));
      if (next && is_low(*next)) return take(12);
    }
    out_ += "\\ufffd";
    at_ += 6;
    mended_ = true;
  }

  void number() {
    const std::size_t end = std::min(text_.find_first_not_of("-+.eE0123456789", at_), text_.size());
    const std::string_view whole = text_.substr(at_, end - at_);
    const bool integer = whole.find_first_of(".eE") == std::string_view::npos;
    take(whole.size());
    if (!integer || fits_64_bits(whole)) return;
    out_ += "e0";
    mended_ = true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  bool mended_ = false;
};

}  // namespace

std::optional<std::string> mended(std::string_view text) {
  return Mender(text).run();
}

}  // namespace relay::wire
