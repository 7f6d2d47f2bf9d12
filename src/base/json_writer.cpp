#include "base/json_writer.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/json_escape.hpp"

namespace relay {
namespace {

using json_escape::copy_plain;
using json_escape::escape_front;
using json_escape::kLongestNumber;

constexpr std::size_t kFirstRoom = 512;

/// Room for what stands around a text: comma, two quotes, colon, and the longest escape.
constexpr std::size_t kSlack = 4 + json_escape::kLongestEscape;

}  // namespace

void JsonWriter::finish() {
  if (at_ == nullptr) return;
  out_.resize(static_cast<std::size_t>(at_ - out_.data()));
  at_ = end_ = nullptr;
}

void JsonWriter::grow(std::size_t size) {
  const std::size_t used =
      at_ == nullptr ? out_.size() : static_cast<std::size_t>(at_ - out_.data());
  out_.resize(std::max({used + size, 2 * used, used + kFirstRoom}));
  at_ = out_.data() + used;
  end_ = out_.data() + out_.size();
}

void JsonWriter::comma() {
  if (!first_) *at_++ = ',';
  first_ = false;
}

void JsonWriter::before_value(std::size_t size) {
  need(size + 1);
  if (after_key_) {
    after_key_ = false;
    return;
  }
  assert(depth_ == 0 ? first_ : !in_object());
  comma();
}

void JsonWriter::begin(char bracket, bool object) {
  before_value(1);
  assert(depth_ < kMaxOpen);
  *at_++ = bracket;
  objects_[static_cast<std::size_t>(depth_++)] = object;
  first_ = true;
}

void JsonWriter::end(char bracket, [[maybe_unused]] bool object) {
  assert(depth_ > 0 && !after_key_ && in_object() == object);
  need(1);
  *at_++ = bracket;
  --depth_;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  assert(depth_ > 0 && !after_key_ && in_object());
  need(name.size() + kSlack);
  comma();
  quoted(name);
  *at_++ = ':';
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  before_value(text.size() + kSlack);
  quoted(text);
}

void JsonWriter::raw(std::string_view json) {
  assert(!json.empty());
  before_value(json.size());
  std::memcpy(at_, json.data(), json.size());
  at_ += json.size();
}

template <class Number>
void JsonWriter::number(Number number) {
  before_value(kLongestNumber);
  at_ = std::to_chars(at_, at_ + kLongestNumber, number).ptr;
}

void JsonWriter::value(std::uint64_t number) {
  this->number(number);
}

void JsonWriter::value(std::int64_t number) {
  this->number(number);
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  before_value(kLongestNumber);
  at_ = json_escape::write_double(at_, number);
}

void JsonWriter::quoted(std::string_view text) {
  *at_++ = '"';
  const std::size_t plain = copy_plain(at_, text.data(), text.size());
  at_ += plain;
  if (plain != text.size()) escaped(text.substr(plain));
  *at_++ = '"';
}

void JsonWriter::escaped(std::string_view text) {
  for (;;) {
    need(text.size() + kSlack);
    const std::size_t plain = copy_plain(at_, text.data(), text.size());
    at_ += plain;
    text.remove_prefix(plain);
    if (text.empty()) return;
    at_ = escape_front(text, at_);
  }
}

}  // namespace relay
