#pragma once

#include "cli/command.hpp"
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace relay::cli {

/// Says on standard error what a command is waiting for, when that takes longer than a second and
/// standard error is a terminal. On the loop thread.
class Progress {
 public:
  explicit Progress(asio::any_io_executor executor);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// From now on the command waits for this: "asking https://engine.example".
  void step(std::string what);
  void done();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The work of a command; the progress outlives it.
using Work = std::function<asio::awaitable<Result<void>>(asio::any_io_executor, Progress*)>;

/// Runs a command's coroutine on a loop of its own until it ends. Ctrl-C and SIGTERM cancel it: the
/// result is then `cancelled`, unless the work was done all the same, and `context.ended_by` tells
/// the signal. A second one ends the process at once.
[[nodiscard]] Result<void> run_loop(Context& context, const Work& work);

/// The same for work that heeds signals itself: nothing cancels it.
[[nodiscard]] Result<void> serve_loop(const Work& work);

}  // namespace relay::cli
