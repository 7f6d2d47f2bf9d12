#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relay::wire {

/// A copy of a JSON text in which each lone surrogate escape is U+FFFD and each integer that does
/// not fit 64 bits carries an exponent; nothing when there was nothing to mend. Says nothing about
/// the validity of the rest.
[[nodiscard]] std::optional<std::string> mended(std::string_view text);

}  // namespace relay::wire
