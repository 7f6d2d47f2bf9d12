#pragma once

#include "engine/hub/node_operations.hpp"
#include "engine/sweeps.hpp"

namespace relay::engine {

/// One sweep, as one operation of the store.
[[nodiscard]] Result<Outcome> sweep(Store& store, Sweep what);

}  // namespace relay::engine
