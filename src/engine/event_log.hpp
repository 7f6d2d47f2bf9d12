#pragma once

#include "base/result.hpp"
#include "engine/happenings.hpp"
#include "engine/store/store.hpp"

namespace relay::engine {

/// Writes what has happened into the log of the workspace, if it has one, in the operation that has
/// caused it. Each event gets the number by which who watches and who reads the log know it.
[[nodiscard]] Result<void> log_events(Store& store, Happenings& happened);

}  // namespace relay::engine
