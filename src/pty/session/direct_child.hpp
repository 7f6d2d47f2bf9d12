#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"
#include "os/terminal.hpp"
#include "pty/session/session_process.hpp"

namespace relay::pty {

/// What to start as a child of this process, in a terminal of its own.
struct ChildOrder {
  ChildOrder(os::Command command_in, os::WindowSize size_in)
      : command(std::move(command_in)), size(size_in) {}
  /// Its `terminal` is set here; input, output and error that are given stay as they are.
  os::Command command;
  os::WindowSize size;
  /// The terminal adds a carriage return to each line. Not when its output goes to one that does.
  bool carriage_returns = true;
};

/// A program that we have started ourselves, for one who runs a session without a keeper. It has a
/// leader of its session (job_leader.hpp), so it can be stopped and continued like any job of a
/// shell. This process becomes the parent of all its orphans, so there is one DirectChild at a time
/// in a process, which has no threads, and nothing else is started there.
class DirectChild {
 public:
  /// Errors as for os::Processes::start.
  [[nodiscard]] static Result<DirectChild> start(asio::any_io_executor executor, ChildOrder order);
  DirectChild(DirectChild&&) noexcept;
  DirectChild& operator=(DirectChild&&) noexcept;
  /// The tree must have been ended.
  ~DirectChild();

  [[nodiscard]] pid_t pid() const;
  /// Both once, for the session; the process stays valid as long as this.
  [[nodiscard]] os::Fd take_master();
  [[nodiscard]] std::unique_ptr<SessionProcess> process();

  /// Called from the loop when the program was stopped, by a key or by itself.
  void on_stopped(std::function<void()> call);
  /// After SIGCHLD: orphans of the program that have ended are collected.
  void collect_orphans() const;
  void signal_group(pid_t group, int number) const;

  /// SIGHUP and SIGTERM to everything that we are an ancestor of, SIGKILL after the grace, until
  /// nothing is left.
  asio::awaitable<void> end_tree(Duration grace);

 private:
  struct Impl;
  explicit DirectChild(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::pty
