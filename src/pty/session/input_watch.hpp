#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>

namespace relay::pty {

/// Tells when a program reads its terminal, so that nobody has to look again and again: one for all
/// sessions of a process (inotify; a user has 128 of them).
class InputWatch {
 public:
  explicit InputWatch(asio::any_io_executor executor);
  ~InputWatch();
  InputWatch(const InputWatch&) = delete;
  InputWatch& operator=(const InputWatch&) = delete;

  /// Calls back from the loop after each read of the terminal. -1 when the system does not tell:
  /// then the caller has to look on its own from time to time.
  [[nodiscard]] int begin(int terminal, std::function<void()> on_read);
  void end(int watch);

  /// Hands out what the kernel tells, until it is cancelled. In a task group of the owner.
  asio::awaitable<void> run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::pty
