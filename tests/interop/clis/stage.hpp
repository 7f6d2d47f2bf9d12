#pragma once

#include "clis/agent_cli.hpp"
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/event.hpp"
#include "pty/keeper_client.hpp"

namespace relay::interop {

/// Where a CLI runs.
enum class Host {
  wrap,     // `relay-broker wrap`, messages through its control socket; a session is its terminal
  session,  // a session of ours whose program the keeper has started
};

[[nodiscard]] std::string_view name_of(Host host);

/// How a message ended, in the words of the record.
struct Ending {
  std::string outcome;
  std::string proof;
  std::string reason;
  Monotonic at{};
};

/// One CLI in its terminal, and messages to it. All on the loop thread.
class Stage {
 public:
  /// Starts the CLI. `directory` is for sockets; `keeper` outlives this.
  static asio::awaitable<Result<std::unique_ptr<Stage>>> start(asio::any_io_executor executor,
                                                               pty::KeeperClient* keeper, Host host,
                                                               Launch launch, os::Path directory);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Gives a message to be typed.
  void send(std::string id, std::string body);
  /// To the program and its group (with `wrap`: to that).
  void signal(int number);
  [[nodiscard]] const std::map<std::string, Ending>& endings() const;
  /// Notified when a message has ended, and at the program's end.
  [[nodiscard]] net::Event& changed();
  [[nodiscard]] bool ended() const;
  /// What the terminal shows.
  [[nodiscard]] std::string screen() const;
  /// Writes every change of the screen and every end of a message to a file.
  void film(const os::Path& file);

  /// Ends the CLI and everything it has started. Awaited before destruction.
  asio::awaitable<void> stop();

 private:
  struct Impl;
  explicit Stage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::interop
