#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "broker/instance.hpp"
#include "os/paths.hpp"

namespace relay::cli {

/// A program that is to run in this terminal as an agent.
class JoinRequest {
 public:
  /// Empty: one that is free is made from the program's.
  std::string name;
  std::vector<std::string> argv;
  std::string task;
  std::vector<std::string> channels;
  /// Where its messages are to be sent: the control socket that we serve.
  os::Path control;
};

/// How the program is to be started as that agent.
class JoinedAgent {
 public:
  std::string name;
  std::vector<std::string> argv;
  /// On top of our own variables.
  std::vector<std::pair<std::string, std::string>> environment;
};

/// Makes the program an agent of the broker, as long as the control socket is served. Waits for a
/// broker that is starting.
/// `name_conflict` when the name that was asked for is another agent's.
asio::awaitable<Result<JoinedAgent>> join_broker(asio::any_io_executor executor,
                                                 broker::Instance instance, JoinRequest request);

}  // namespace relay::cli
