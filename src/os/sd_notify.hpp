#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/environment.hpp"

namespace relay::os {

/// Tells the service manager that started us how we are (the sd_notify protocol, one datagram
/// each). Without one every call does nothing and succeeds. Never blocks.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Children should not inherit them.
  explicit ServiceManager(const Environment& environment);

  [[nodiscard]] bool present() const { return !socket_.empty(); }
  /// How long we may be silent before we are killed; call `watchdog` at least twice as often.
  [[nodiscard]] std::optional<Duration> watchdog_interval() const { return watchdog_; }

  Result<void> ready(std::string_view status);
  Result<void> reloading(Monotonic now);
  Result<void> stopping(std::string_view status);
  Result<void> status(std::string_view status);
  Result<void> watchdog();
  /// Stopping or starting takes longer: do not kill us before `by` from now.
  Result<void> extend_timeout(Duration by);

 private:
  [[nodiscard]] Result<void> send(std::string_view text) const;

  std::string socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace relay::os
