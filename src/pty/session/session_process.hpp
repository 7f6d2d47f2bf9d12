#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "net/event.hpp"
#include "os/processes.hpp"

namespace relay::pty {

/// The program of a session, as far as the session has to know it: whose child it is differs.
class SessionProcess {
 public:
  SessionProcess() = default;
  virtual ~SessionProcess() = default;
  SessionProcess(const SessionProcess&) = delete;
  SessionProcess& operator=(const SessionProcess&) = delete;

  [[nodiscard]] virtual pid_t pid() const = 0;
  /// Returns when it has ended. Called once; ends when it is cancelled.
  virtual asio::awaitable<Result<os::ExitStatus>> wait_end() = 0;
};

/// A child of the keeper: whoever reads the keeper's events reports its end.
class KeptProcess final : public SessionProcess {
 public:
  KeptProcess(asio::any_io_executor executor, pid_t pid) : pid_(pid), ended_(std::move(executor)) {}

  /// How it ended, or why that will never be known (the keeper is lost). The first report counts.
  void report(Result<os::ExitStatus> how);

  [[nodiscard]] pid_t pid() const override { return pid_; }
  asio::awaitable<Result<os::ExitStatus>> wait_end() override;

 private:
  pid_t pid_;
  std::optional<Result<os::ExitStatus>> how_;
  net::Event ended_;
};

}  // namespace relay::pty
