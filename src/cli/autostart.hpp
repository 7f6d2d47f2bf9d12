#pragma once

#include <string>

#include "base/result.hpp"
#include "broker/instance.hpp"

namespace relay::cli {

/// The broker that `wrap` makes its program an agent of: the one that is named, else that of the
/// directory or of the nearest one above it. Where there is none one is started, with `autostart`;
/// it goes on when the program has ended. Blocks, so it is for the time before there is a loop.
[[nodiscard]] Result<broker::Instance> find_or_start_broker(const std::string& instance,
                                                            bool autostart);

}  // namespace relay::cli
