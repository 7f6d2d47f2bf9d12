#pragma once

#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include "support/unix_socket.hpp"

namespace relay::test {

/// The end of a service manager.
class Manager {
 public:
  explicit Manager(const os::Path& path) : fd_(datagrams_at(path)) {}
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
