#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

namespace relay {

/// Appends one JSON document to a string, for the wire and for `--json`. What it writes is always
/// valid JSON in UTF-8: bytes that are not UTF-8 become U+FFFD, numbers that JSON lacks become
/// null. Commas are its business; the caller says what follows what. Breaking the grammar (a value
/// without a key inside an object, an end without a begin) is a broken invariant and asserts.
///
/// While a writer lives it uses the string's spare room: the text is in `out` after `finish()` or
/// the writer's end. After `finish()` the writer lets go of it until the next value.
class JsonWriter {
 public:
  /// Open containers at a time: one bit each, and more than any document that we read may have.
  static constexpr int kMaxOpen = 128;

  explicit JsonWriter(std::string& out) : out_(out) {}
  ~JsonWriter() { finish(); }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void begin_object() { begin('{', true); }
  void end_object() { end('}', true); }
  void begin_array() { begin('[', false); }
  void end_array() { end(']', false); }

  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool yes) { literal(yes ? "true" : "false"); }
  void value(double number);
  void value(std::uint64_t number);
  void value(std::int64_t number);
  void value(std::uint32_t number) { value(std::uint64_t{number}); }
  void value(std::int32_t number) { value(std::int64_t{number}); }
  void null() { literal("null"); }

  /// Puts in a value that is JSON already (`wire::Json::text()`, another writer's document). The
  /// caller vouches for it.
  void raw(std::string_view json);

  template <class T>
  void field(std::string_view name, const T& item) {
    key(name);
    value(item);
  }

  /// Whether one whole document has been written.
  [[nodiscard]] bool complete() const { return depth_ == 0 && !first_; }
  void finish();

 private:
  void begin(char bracket, bool object);
  void end(char bracket, bool object);
  /// Checks that a value may stand here, puts its comma and makes room for `size` bytes after it.
  void before_value(std::size_t size);
  void comma();
  void literal(std::string_view word) { raw(word); }
  /// `text` in quotes. There is room for text, quotes and `kSlack` more.
  void quoted(std::string_view text);
  void escaped(std::string_view text);
  template <class Number>
  void number(Number number);
  [[nodiscard]] bool in_object() const { return objects_[static_cast<std::size_t>(depth_ - 1)]; }
  void need(std::size_t size) {
    if (static_cast<std::size_t>(end_ - at_) < size) grow(size);
  }
  void grow(std::size_t size);

  std::string& out_;
  char* at_ = nullptr;   // where the next byte goes, inside out_; null while `out_` is whole
  char* end_ = nullptr;  // the end of out_
  std::bitset<kMaxOpen> objects_;  // bit n: the container at depth n is an object
  int depth_ = 0;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace relay
