#pragma once

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "os/fd.hpp"
#include "support/pty_driver.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "support/unix_socket.hpp"

namespace relay::test {

/// A person's machine with nothing on it but `relay-broker wrap`, without any broker.
struct WrapWorld {
  TempDir temp;

  os::Command wrap(std::vector<std::string> words) const {
    const bool controlled = std::find(words.begin(), words.end(), "--control") != words.end();
    if (!controlled) words.insert(words.begin(), "--no-inject");
    words.insert(words.begin(), "wrap");
    return binary_command(words, temp.environment());
  }
  os::Command shell(const std::string& script) const { return wrap({"sh", "-c", script}); }
  /// An interactive shell that knows wrap as $WRAP.
  os::Command bash() const {
    auto environment = temp.environment();
    environment.set("WRAP", relay_broker().string() + " wrap --no-inject");
    environment.set("PS1", "shell> ");
    return {{"bash", "--norc", "--noediting", "-i"}, environment};
  }
  [[nodiscard]] std::string socket() const { return (temp.path() / "c" / "control").string(); }
};

/// Messages over the control socket, and their answers.
class WrapControlClient {
 public:
  explicit WrapControlClient(const os::Path& path) : fd_(connect_to(path)) {}
  void send(const std::string& line) const {
    REQUIRE(::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(line.size()));
  }
  /// Says that no more is asked.
  void finish() const { ::shutdown(fd_.get(), SHUT_WR); }
  /// The next line; empty at the end.
  [[nodiscard]] std::string answer() const {
    std::string line;
    for (char c = 0; ::recv(fd_.get(), &c, 1, 0) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  os::Fd fd_;
};

}  // namespace relay::test
