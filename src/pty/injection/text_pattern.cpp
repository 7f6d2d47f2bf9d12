#include "pty/injection/text_pattern.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/text.hpp"

namespace relay::pty {

Result<TextPattern> TextPattern::make(std::string_view source) {
  if (source.empty() || source.size() > kMostBytes) {
    return fail(Code::invalid_argument,
                fmt::format("a pattern has 1 to {} bytes, this one {}", kMostBytes, source.size()));
  }
  TextPattern out;
  out.source_ = source;
  if (source.front() == '^') {
    out.at_start_ = true;
    source.remove_prefix(1);
  }
  std::string part;
  std::size_t plain = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c == '\\' && i + 1 < source.size()) {
      part += source[++i];
      ++plain;
    } else if (c == '*') {
      out.parts_.push_back(std::move(part));
      part.clear();
    } else if (c == '$' && i + 1 == source.size()) {
      out.at_end_ = true;
    } else {
      part += c;
      ++plain;
    }
  }
  out.parts_.push_back(std::move(part));
  // "^$" is the empty row, and the only pattern without text that says something.
  if (plain == 0 && !(out.at_start_ && out.at_end_ && out.parts_.size() == 1)) {
    return fail(Code::invalid_argument,
                fmt::format("the pattern \"{}\" matches everything", out.source_),
                "give it text that stands on the screen");
  }
  return out;
}

std::size_t TextPattern::find_end(std::string_view text, std::size_t from) const {
  std::size_t at = from;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::string& part = parts_[i];
    const bool first = i == 0;
    const bool last = i + 1 == parts_.size();
    if (first && at_start_) {
      if (from != 0 || !text.starts_with(part)) return std::string_view::npos;
      at = part.size();
      if (last && at_end_ && at != text.size()) return std::string_view::npos;
    } else if (last && at_end_) {
      if (text.size() < at + part.size() || !text.ends_with(part)) return std::string_view::npos;
      at = text.size();
    } else {
      const auto found = text.find(part, at);
      if (found == std::string_view::npos) return std::string_view::npos;
      at = found + part.size();
    }
  }
  return at;
}

bool TextPattern::matches(std::string_view row) const {
  return find_end(trim(row), 0) != std::string_view::npos;
}

std::size_t TextPattern::count(std::string_view text) const {
  std::size_t found = 0;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = find_end(text, at);
    if (end == std::string_view::npos || end == at) break;
    ++found;
    at = end;
    if (at_start_ || at_end_) break;
  }
  return found;
}

bool any_matches(const TextPatterns& patterns, std::string_view row) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [row](const TextPattern& pattern) { return pattern.matches(row); });
}

bool any_on(const TextPatterns& patterns, std::span<const std::string> rows) {
  return std::any_of(rows.begin(), rows.end(),
                     [&patterns](const std::string& row) { return any_matches(patterns, row); });
}

bool all_on(const TextPatterns& patterns, std::span<const std::string> rows) {
  return std::all_of(patterns.begin(), patterns.end(), [rows](const TextPattern& pattern) {
    return std::any_of(rows.begin(), rows.end(),
                       [&pattern](const std::string& row) { return pattern.matches(row); });
  });
}

}  // namespace relay::pty
