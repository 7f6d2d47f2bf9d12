#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "broker/guest_lines.hpp"
#include "net/channel.hpp"
#include "net/event.hpp"
#include "net/stream.hpp"
#include "os/processes.hpp"
#include "pty/injection/injection_types.hpp"

namespace relay::broker {

/// The terminal of an agent that runs in a person's own one, under `wrap`: messages go there over
/// its control socket and their ends come back. On the loop thread.
class GuestTerminal {
 public:
  struct Hooks {
    /// As of a session: `ended` for each message.
    std::function<void(const pty::InjectionStep&)> on_step;
    std::function<void()> on_change;
    /// It takes no more for the moment: nothing of this message was typed.
    std::function<void(std::uint64_t)> on_full;
  };

  /// Refused unless it is a socket of our own user. `broker_not_running` when nobody listens there.
  static asio::awaitable<Result<std::unique_ptr<GuestTerminal>>> connect(
      asio::any_io_executor executor, std::string socket);
  ~GuestTerminal();
  GuestTerminal(const GuestTerminal&) = delete;
  GuestTerminal& operator=(const GuestTerminal&) = delete;

  void set_hooks(Hooks hooks);
  /// Talks until the other side has ended: an error with the cause. `cancelled` leaves it alone.
  asio::awaitable<Result<os::ExitStatus>> run();
  /// `queue_full` when too many wait.
  Result<void> offer(const Mail& message);
  void hook(std::uint64_t number);
  /// Asks it to end its program. It has ended when `run` returns.
  void end(Duration grace, std::string_view why);
  [[nodiscard]] const GuestState& state() const { return state_; }

 private:
  GuestTerminal(asio::any_io_executor executor, net::StreamPtr stream);
  asio::awaitable<void> write_lines();
  asio::awaitable<void> read_lines();
  void take(std::string_view line);
  void ended(const std::string& id, pty::InjectionOutcome outcome);
  void put_back(const std::string& id);

  /// Lines that wait for a `wrap` that does not read.
  static constexpr std::size_t kMostLines = 256;

  asio::any_io_executor executor_;
  net::StreamPtr stream_;
  net::Channel<std::string> lines_;
  Hooks hooks_;
  GuestState state_;
  std::map<std::string, std::uint64_t> asked_;
  std::string why_ = "the terminal that it ran in is gone";
};

}  // namespace relay::broker
