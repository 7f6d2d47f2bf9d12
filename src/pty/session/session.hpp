#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"
#include "os/terminal.hpp"
#include "pty/injection/injection.hpp"
#include "pty/screen/output_ring.hpp"
#include "pty/screen/screen_view.hpp"
#include "pty/session/input_watch.hpp"
#include "pty/session/output_turns.hpp"
#include "pty/session/pty_master.hpp"
#include "pty/session/session_process.hpp"
#include "pty/session/session_viewers.hpp"
#include "pty/session/size_lease.hpp"

namespace relay::pty {

/// The real terminal that shows a session's output, byte for byte.
class OutputSink {
 public:
  OutputSink() = default;
  virtual ~OutputSink() = default;
  OutputSink(const OutputSink&) = delete;
  OutputSink& operator=(const OutputSink&) = delete;
  /// Takes all of `bytes`. False: no more, please, until it calls Session::resume_output().
  [[nodiscard]] virtual bool take(std::string_view bytes) = 0;
};

struct SessionSettings {
  SessionSettings(Profile profile_in, os::WindowSize size_in)
      : profile(std::move(profile_in)), size(size_in) {}
  Profile profile;
  InjectionSettings injection;
  /// The terminal has it already.
  os::WindowSize size;
  /// A real terminal shows the output and answers the program's queries.
  bool real_terminal = false;
  /// Bytes of output that are kept.
  std::size_t ring = OutputRing::kDefaultCapacity;
  /// The turns of this loop's sessions; it outlives the session. None for one that is alone.
  OutputTurns* turns = nullptr;
  /// Hears of each step of a message but `write`; called on the loop, must not destroy the session.
  std::function<void(const InjectionStep&)> on_step;
  /// Output came, or the program's readiness may have changed; called on the loop, must neither
  /// destroy the session nor type.
  std::function<void()> on_change;
};

/// One program in its terminal: takes its output as it comes, answers its queries, and is the only
/// one who writes to it. All on the loop thread; nothing is looked at again and again, an idle
/// session wakes nobody. What differs from one program to the next is in the profile.
///
/// Memory: none for output before the first byte. The screen is made when somebody looks at it for
/// the first time and then follows the output a ring behind at most. That of a plain program is
/// made for a message too, and goes away with it.
class Session {
 public:
  /// Takes the terminal over. `watch`, `clock` and the sink outlive the session.
  [[nodiscard]] static Result<std::unique_ptr<Session>> make(
      asio::any_io_executor executor, os::Fd master, std::unique_ptr<SessionProcess> process,
      SessionSettings settings, InputWatch& watch, const Clock& clock);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Runs the session; returns when the program has ended and what it had printed is taken. Every
  /// message has ended then. When it is cancelled it returns `cancelled`, the program lives on and
  /// messages have no outcome.
  asio::awaitable<Result<os::ExitStatus>> run();

  /// What a person typed at an attached terminal, reports of that terminal included. Kept while a
  /// message is in the middle of being typed. `queue_full` when the program does not read, or
  /// `connection_closed`; then nothing was typed.
  Result<void> type(std::string_view keys);
  /// Whether keys that `type` has taken are not in the terminal yet.
  [[nodiscard]] bool owes_keys() const;
  /// Keys that wait for a message are written now: the terminal is left, and nobody types one.
  void let_keys_go();
  /// Whether `type` takes more; waits for it. False when that took longer.
  asio::awaitable<bool> wait_for_room(Duration at_most);

  /// Gives a message to be typed; its end is told to `on_step`. Errors as for Injection::offer.
  Result<void> offer(InjectionItem item);
  [[nodiscard]] bool withdraw(std::uint64_t item);
  void hook(std::uint64_t item);
  void human_done();
  void hold(bool on);
  [[nodiscard]] const Injection& injection() const;
  /// What the terminal's driver says, for who makes an envelope.
  [[nodiscard]] TerminalMode mode() const;

  /// Takes what has been printed by now, as far as the sink lets it: before the terminal is left to
  /// somebody else.
  void take_printed();

  /// Null for none. Output that came before is not shown.
  void set_sink(OutputSink* sink);
  void resume_output();
  void set_real_terminal(bool attached);

  [[nodiscard]] const OutputRing& output() const;
  /// Viewers end with connection_closed when the program has ended.
  [[nodiscard]] SessionViewers& viewers();
  /// What the terminal shows now.
  [[nodiscard]] ScreenView screen();

  /// Another size, if the lease allows it.
  SizeAnswer resize(const SizeRequest& request);
  [[nodiscard]] os::WindowSize size() const;
  [[nodiscard]] PtyMaster& terminal();

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::pty
