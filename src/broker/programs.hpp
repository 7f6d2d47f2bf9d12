#pragma once

#include <asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "broker/agent.hpp"
#include "pty/keeper_client.hpp"

namespace relay::broker {

/// The programs behind the agents, children of the keeper: starts them, hears of their ends, ends
/// them. On the loop thread.
class Programs {
 public:
  Programs(asio::any_io_executor executor, pty::KeeperClient& keeper)
      : executor_(std::move(executor)), keeper_(keeper) {}

  /// Errors as for KeeperClient::spawn. Whoever does not attend the program ends it.
  asio::awaitable<Result<Agent::Program>> start(pty::SpawnOrder order, Duration at_most);
  /// A program of an earlier broker, to be attended again.
  [[nodiscard]] Agent::Program adopt(pty::HeldSession held);
  /// SIGTERM to the whole tree, SIGKILL after the grace; returns when nothing is left.
  asio::awaitable<Result<void>> end(std::string generation, Duration grace);

  /// Passes on what the keeper tells, until it is lost (its reason), or until it is cancelled.
  /// `warn` hears of what the keeper cannot end.
  asio::awaitable<Error> follow(std::function<void(std::string)> warn);

 private:
  class Leader;
  [[nodiscard]] std::unique_ptr<pty::SessionProcess> leader(const std::string& generation,
                                                            pid_t pid);
  void ended(const std::string& generation, const Result<os::ExitStatus>& how);

  /// Ends that came before anybody waited for them.
  static constexpr std::size_t kMostEarly = 256;

  asio::any_io_executor executor_;
  pty::KeeperClient& keeper_;
  std::map<std::string, std::weak_ptr<pty::KeptProcess>> running_;
  std::deque<std::pair<std::string, os::ExitStatus>> early_;
};

}  // namespace relay::broker
