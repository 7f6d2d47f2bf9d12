#pragma once

#include "cli/attach_keys.hpp"
#include "cli/command.hpp"
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "broker/instance.hpp"

namespace relay::cli {

class AttachOptions {
 public:
  AttachOptions(std::string agent_in, DetachKeys detach_in)
      : agent(std::move(agent_in)), detach(std::move(detach_in)) {}
  std::string agent;
  DetachKeys detach;
  /// How a person says it.
  std::string key_name;
  /// Keys go to the agent, and its terminal gets the size of this one.
  bool drive = false;
};

/// Shows an agent's terminal in the one that we are in, until its person detaches, its program
/// ends, the broker is gone (`broker_not_running`) or a signal ends it. The terminal is put right
/// on each of these ways. `context.status`: the program's own, or 128 and the signal.
asio::awaitable<Result<void>> run_attached(Context* context, asio::any_io_executor executor,
                                           broker::Instance instance, AttachOptions options);

}  // namespace relay::cli
