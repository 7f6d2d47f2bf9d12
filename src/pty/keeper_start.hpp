#pragma once

#include <asio/awaitable.hpp>

#include "pty/keeper_client.hpp"

namespace relay::pty {

/// Runs `relay-broker keeper …`, which returns when the keeper can be reached. `already_running`
/// when one is there, or when what a dead one has left is still being ended.
asio::awaitable<Result<void>> start_keeper(KeeperPlace place, Duration at_most);

}  // namespace relay::pty
