#pragma once

#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "os/fd.hpp"

namespace relay::test {

/// The end of a service manager.
class Manager {
 public:
  explicit Manager(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval patience{60, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  /// The next datagram that begins like this; others are left out.
  [[nodiscard]] std::string wait(std::string_view begin) const {
    for (;;) {
      std::string text(4096, '\0');
      const ssize_t got = ::recv(fd_.get(), text.data(), text.size(), 0);
      REQUIRE(got > 0);
      text.resize(static_cast<std::size_t>(got));
      if (text.starts_with(begin)) return text;
    }
  }

  /// Whether one that has come by now begins like this; all of them are taken.
  [[nodiscard]] bool has_heard(std::string_view begin) const {
    bool found = false;
    for (;;) {
      std::string text(4096, '\0');
      const ssize_t got = ::recv(fd_.get(), text.data(), text.size(), MSG_DONTWAIT);
      if (got <= 0) return found;
      found = found || text.starts_with(begin);
    }
  }

 private:
  os::Fd fd_;
};

}  // namespace relay::test
