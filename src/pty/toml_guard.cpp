#include "pty/toml_guard.hpp"

#include "base/utf8.hpp"

namespace relay::pty {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Knows whether the next character stands in a comment or a string. Where the text is no TOML it
/// may differ from the parser's opinion, which stops there.
class Place {
 public:
  [[nodiscard]] bool is_text() const { return in_comment_ || !quote_.empty(); }

  /// Takes what stands at the front of `rest`; how much of it, at least one byte.
  std::size_t take(std::string_view rest) {
    const char c = rest.front();
    if (in_comment_) {
      in_comment_ = c != '\n';
      return 1;
    }
    if (quote_.empty()) return open(rest);
    if (c == '\\' && quote_.front() == '"') return is_escaped_quote(rest) ? 2 : 1;
    if (rest.starts_with(quote_)) return close(rest);
    if (c == '\n' && quote_.size() == 1) quote_ = {};
    return 1;
  }

 private:
  static bool is_escaped_quote(std::string_view rest) {
    return rest.size() > 1 && (rest[1] == '"' || rest[1] == '\\');
  }

  std::size_t open(std::string_view rest) {
    in_comment_ = rest.front() == '#';
    for (const std::string_view quote : {"\"\"\"", "'''", "\"", "'"}) {
      if (!rest.starts_with(quote)) continue;
      quote_ = quote;
      return quote.size();
    }
    return 1;
  }

  /// A long string may end in up to two quotes of its own.
  std::size_t close(std::string_view rest) {
    std::size_t length = quote_.size();
    const std::size_t most = length == 3 ? 5 : length;
    while (length < most && length < rest.size() && rest[length] == rest.front()) ++length;
    quote_ = {};
    return length;
  }

  bool in_comment_ = false;
  /// What ends the string that is open.
  std::string_view quote_;
};

bool is_control(std::string_view rest) {
  const char c = rest.front();
  if (c == '\r') return !rest.starts_with("\r\n");
  return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n') || c == '\x7f';
}

}  // namespace

std::optional<StrangeCharacter> strange_character(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Place place;
  std::size_t line = 1;
  while (!text.empty()) {
    if (is_control(text)) return StrangeCharacter{line, "a control character"};
    const CodePoint point = first_code_point(text);
    if (!point.valid) return StrangeCharacter{line, "a byte that is not UTF-8"};
    if (point.length > 1) {
      if (!place.is_text()) {
        return StrangeCharacter{line, "a character beyond ASCII outside of quotes"};
      }
      text.remove_prefix(point.length);
      continue;
    }
    if (text.front() == '\n') ++line;
    text.remove_prefix(place.take(text));
  }
  return std::nullopt;
}

}  // namespace relay::pty
