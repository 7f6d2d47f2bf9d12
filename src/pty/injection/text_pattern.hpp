#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace relay::pty {

/// A pattern for one row of a screen: plain text that the row must hold. `*` stands for any run of
/// characters, `^` at the front and `$` at the end tie it to the row's ends (spaces at the row's
/// ends do not count), and a backslash takes the meaning of the next character. Time is linear in
/// the row for each part between stars; there is no backtracking.
class TextPattern {
 public:
  /// In bytes. A screen's row is not much longer.
  static constexpr std::size_t kMostBytes = 256;

  /// Fails with invalid_argument on an empty or too long pattern, or one of stars alone.
  [[nodiscard]] static Result<TextPattern> make(std::string_view source);

  [[nodiscard]] bool matches(std::string_view row) const;
  /// How often the pattern is found in `text` without overlap; 0 or 1 for one that is tied to an
  /// end.
  [[nodiscard]] std::size_t count(std::string_view text) const;
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  TextPattern() = default;
  /// Where the match that begins at or after `from` ends; npos if there is none.
  [[nodiscard]] std::size_t find_end(std::string_view text, std::size_t from) const;

  std::string source_;
  std::vector<std::string> parts_;
  bool at_start_ = false;
  bool at_end_ = false;
};

using TextPatterns = std::vector<TextPattern>;

[[nodiscard]] bool any_matches(const TextPatterns& patterns, std::string_view row);
[[nodiscard]] bool any_on(const TextPatterns& patterns, std::span<const std::string> rows);
/// Each of the patterns is found on some row. True for no patterns.
[[nodiscard]] bool all_on(const TextPatterns& patterns, std::span<const std::string> rows);

}  // namespace relay::pty
