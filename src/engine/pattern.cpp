#include "engine/pattern.hpp"

#include <optional>
#include <regex>

namespace relay::engine {
namespace {

/// Each byte of the text costs as much as the pattern is long.
constexpr std::size_t kMatchedText = 1024;
constexpr std::size_t kLongestPattern = 256;

/// Without back references and with nothing remembered, so that no pattern can take exponential
/// time.
constexpr auto kPatternFlags =
    std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;

/// The one place that knows that the library throws.
std::optional<std::regex> compiled(const std::string& pattern) {
  try {
    return std::regex(pattern, kPatternFlags);
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

/// A counted repetition is compiled into that many copies, and looking ahead starts over at every
/// byte, once more for each level of it.
bool is_cheap(const std::string& pattern) {
  if (pattern.size() > kLongestPattern) return false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\') {
      ++at;
      continue;
    }
    const bool looks = pattern.compare(at, 2, "(?") == 0 && pattern.compare(at, 3, "(?:") != 0;
    if (pattern[at] == '{' || looks) return false;
  }
  return true;
}

}  // namespace

bool is_pattern(const std::string& pattern) {
  return is_cheap(pattern) && compiled(pattern);
}

bool has_pattern(const std::string& text, const std::string& pattern) {
  if (!is_cheap(pattern)) return false;
  // In one pass: a search would start one at each byte.
  const auto regex = compiled("[\\s\\S]*?(?:" + pattern + ")");
  if (!regex) return false;
  try {
    return std::regex_search(text.substr(0, kMatchedText), *regex,
                             std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    return false;
  }
}

}  // namespace relay::engine
