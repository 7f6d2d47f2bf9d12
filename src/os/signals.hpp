#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

#include "os/fd.hpp"

namespace relay::os {

/// Signals as something to read: they are blocked in this thread and in those it starts later, and
/// wait in `fd()` until `next()` takes them. Make it in main before there are threads; what was
/// blocked before is restored when it is destroyed, after the waiting ones were dropped. Throws
/// std::system_error when the kernel has no descriptor left.
class SignalQueue {
 public:
  SignalQueue(std::initializer_list<int> signals);
  ~SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  /// Readable when a signal waits. Non-blocking; for the loop to wait on, not to read.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next signal, or nothing when none waits. The kernel merges equal ones that wait.
  [[nodiscard]] std::optional<int> next();

 private:
  sigset_t before_{};
  Fd fd_;
};

/// Ignores one signal in the whole process and puts back what was before: SIGPIPE in every program
/// that writes to sockets. Children start with the default (os/processes.hpp).
class IgnoredSignal {
 public:
  explicit IgnoredSignal(int signal);
  ~IgnoredSignal();
  IgnoredSignal(const IgnoredSignal&) = delete;
  IgnoredSignal& operator=(const IgnoredSignal&) = delete;

 private:
  int signal_;
  struct sigaction before_{};
};

}  // namespace relay::os
