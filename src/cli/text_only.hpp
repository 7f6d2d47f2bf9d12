#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace relay::cli {

/// What a broker is asked is JSON, which holds text: other bytes would reach it changed. Refused
/// with `invalid_argument` that says `what` it is.
[[nodiscard]] Result<void> refuse_bytes(std::string_view what, std::string_view value);
[[nodiscard]] Result<void> refuse_bytes(std::string_view what,
                                        const std::vector<std::string>& values);

}  // namespace relay::cli
