#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "os/paths.hpp"
#include "pty/session/session.hpp"

namespace relay::cli {

/// When nobody watched who had watched before: the broker had ended.
class Absence {
 public:
  Absence() = default;
  /// Now.
  bool away = false;
  unsigned times = 0;
  /// Of the last one; `until` when it is over.
  Wall since{};
  Wall until{};
};

/// A Unix socket through which messages reach a wrapped program without a broker: one request a
/// line (wrap_request.hpp), answered when the message has ended, or at once if it is refused.
/// Answers come in the order of the ends. Only for the user that we are.
class WrapControl {
 public:
  /// Connections at the same time; another one is closed at once.
  static constexpr std::size_t kMostConnections = 16;
  /// Messages of all connections that have not ended.
  static constexpr std::size_t kMostMessages = 256;
  /// Ends that are remembered for a broker that asks again after a crash of its own: more than it
  /// can have in doubt.
  static constexpr std::size_t kMostRemembered = 256;

  /// Makes the socket, 0600, in a directory that is made private. Without `typed` the program does
  /// not read its terminal, and every message is refused.
  [[nodiscard]] static Result<std::unique_ptr<WrapControl>> open(asio::any_io_executor executor,
                                                                 os::Path socket, bool typed,
                                                                 Random& random);
  ~WrapControl();
  WrapControl(const WrapControl&) = delete;
  WrapControl& operator=(const WrapControl&) = delete;

  /// Serves until it is cancelled. The session outlives it. In a task group of the owner.
  asio::awaitable<void> serve(pty::Session* session);
  /// What the session tells of its messages.
  void on_step(const pty::InjectionStep& step);
  /// The program may do something else now; whoever watches is told.
  void on_change();
  /// Called when somebody asks for the program's end, with the reason for its person.
  void set_on_end(std::function<void(Duration, std::string)> on_end);
  /// What whoever watches is told of the program: its process, and the person's terminal.
  void describe(pid_t program, std::string terminal);
  /// Whether those who watched have gone, and come again.
  [[nodiscard]] const Absence& absence() const;

 private:
  struct Impl;
  explicit WrapControl(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::cli
