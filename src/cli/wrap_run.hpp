#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "broker/instance.hpp"
#include "os/environment.hpp"

namespace relay::cli {

struct WrapOptions {
  /// For the program, in RELAY_AGENT_NAME.
  std::string name;
  /// Of a profile; empty: the one that fits the program.
  std::string profile;
  std::string control;
  bool no_inject = false;
  /// Nothing but what the program prints.
  bool quiet = false;
  /// The broker that the program is an agent of; nothing: it is none.
  std::optional<broker::Instance> broker;
  std::string task;
  std::vector<std::string> channels;
  /// The program and its arguments; not empty.
  std::vector<std::string> argv;
};

/// Runs the program in this terminal to its end and returns the exit status for ours: its own, or
/// 128 and the signal that ended it or us. Each of 0, 1 and 2 that is a terminal becomes the
/// session's; one that is not is the program's own, so that pipes and their ends stay what they
/// are. On every return the terminal is as it was and nothing of the program's tree is left.
asio::awaitable<Result<int>> run_wrapped(asio::any_io_executor executor, WrapOptions options,
                                         os::Environment environment);

/// For completion: the user's and the built-in ones.
[[nodiscard]] std::vector<std::string> profile_names();

}  // namespace relay::cli
