#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"
#include "os/terminal.hpp"
#include "pty/session_process.hpp"

namespace relay::pty {

/// What to start as a child of this process, in a terminal of its own.
struct ChildOrder {
  ChildOrder(os::Command command_in, os::WindowSize size_in)
      : command(std::move(command_in)), size(size_in) {}
  /// Its `terminal` is set here; input, output and error that are given stay as they are.
  os::Command command;
  os::WindowSize size;
};

/// A program that is our own child, for one who runs a session without a keeper. This process
/// becomes the parent of all its orphans, so there is one DirectChild in a process and nothing else
/// is started there.
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

  /// After SIGCHLD: whether the program was stopped since the last call. Collects orphans that have
  /// ended.
  [[nodiscard]] bool was_stopped();
  /// The program in front would be stopped by a Ctrl-Z, but is not: it has no parent in its session
  /// who would wait for that.
  [[nodiscard]] bool takes_stop(pid_t group_in_front) const;
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
