#pragma once

#include <string>

namespace relay::engine {

/// A regular expression that triggers may have: at most 256 bytes, without back references, looking
/// ahead and counted repetitions, so that what it costs grows with the text and the pattern only.
[[nodiscard]] bool is_pattern(const std::string& pattern);

/// Whether it is anywhere in the first 1,024 bytes of the text. False for what is no pattern.
[[nodiscard]] bool has_pattern(const std::string& text, const std::string& pattern);

}  // namespace relay::engine
