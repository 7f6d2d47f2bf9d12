#include "os/sd_notify.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/printable.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"

namespace relay::os {
namespace {

std::optional<std::uint64_t> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

std::int64_t microseconds(Duration length) {
  return std::chrono::duration_cast<std::chrono::microseconds>(length).count();
}

}  // namespace

ServiceManager::ServiceManager(const Environment& environment)
    : socket_(environment.get("NOTIFY_SOCKET").value_or("")) {
  const auto pid = number(environment.get("WATCHDOG_PID"));
  const bool ours = !pid || *pid == static_cast<std::uint64_t>(::getpid());
  const auto interval = number(environment.get("WATCHDOG_USEC"));
  constexpr std::uint64_t kLongest = 1'000'000ULL * 60 * 60 * 24 * 365;
  if (ours && interval && *interval > 0 && *interval <= kLongest) {
    watchdog_ = std::chrono::microseconds(*interval);
  }
}

Result<void> ServiceManager::ready(std::string_view status) {
  return send(fmt::format("READY=1\nSTATUS={}", printable(status)));
}

Result<void> ServiceManager::reloading(Monotonic now) {
  return send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds(now.time_since_epoch())));
}

Result<void> ServiceManager::stopping(std::string_view status) {
  return send(fmt::format("STOPPING=1\nSTATUS={}", printable(status)));
}

Result<void> ServiceManager::status(std::string_view status) {
  return send(fmt::format("STATUS={}", printable(status)));
}

Result<void> ServiceManager::watchdog() {
  return send("WATCHDOG=1");
}

Result<void> ServiceManager::extend_timeout(Duration by) {
  return send(fmt::format("EXTEND_TIMEOUT_USEC={}", microseconds(by)));
}

Result<void> ServiceManager::send(std::string_view text) const {
  if (socket_.empty()) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool abstract = socket_.front() == '@';
  if ((!abstract && socket_.front() != '/') || socket_.size() >= sizeof address.sun_path) {
    return fail(Code::invalid_argument,
                fmt::format("NOTIFY_SOCKET '{}' is no socket path", printable(socket_)));
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  std::size_t length = offsetof(sockaddr_un, sun_path) + socket_.size();
  // An abstract name begins with a zero byte and has no end mark.
  if (abstract) {
    address.sun_path[0] = '\0';
  } else {
    ++length;
  }
  const std::string what =
      fmt::format("cannot notify the service manager at '{}'", printable(socket_));
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail(errno_error(errno, what));
  const ssize_t sent =
      ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
  if (sent < 0) return fail(errno_error(errno, what));
  return {};
}

}  // namespace relay::os
