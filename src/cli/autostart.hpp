#pragma once

#include <string>

#include "base/result.hpp"
#include "broker/instance.hpp"

namespace relay::cli {

/// The broker that `wrap` makes its program an agent of: the one that other commands ask here, but
/// never a lone one that belongs to another directory. One that does not run is started with the
/// options of the last time, with `autostart`; where there never was one, one of this directory. It
/// goes on when the program has ended. Waits for one that is starting or ending. Blocks, so it is
/// for the time before there is a loop.
[[nodiscard]] Result<broker::Instance> find_or_start_broker(const std::string& named,
                                                            bool autostart);

}  // namespace relay::cli
