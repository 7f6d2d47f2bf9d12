#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "pty/injection/dialog_answer.hpp"
#include "pty/injection/injection_queue.hpp"
#include "pty/injection/injection_types.hpp"
#include "pty/injection/plain_injection.hpp"
#include "pty/injection/profile.hpp"
#include "pty/injection/readiness.hpp"
#include "pty/injection/screen_text.hpp"
#include "pty/injection/tui_injection.hpp"

namespace relay::pty {

/// Everything that is typed into one session by us: messages in order, and answers to dialogs.
/// Pure: events and the time go in, steps come out, and the caller does each step in order. One
/// write is open at a most; the caller says written() or write_failed() for each. Each item that
/// was accepted ends exactly once.
///
/// The caller keeps a human's keys while keys_may_pass() is false, and says key() for each when it
/// arrives. It says screen() when the screen changed and wants_screen(), drained() when the program
/// has read everything and wants_drained(), terminal() and bracketed_paste() when the modes may
/// have changed (before offer and drained is enough), and on_time() at next_deadline(), after
/// screen() for whatever was drawn by then.
class Injection {
 public:
  explicit Injection(Profile profile, InjectionSettings settings = {});
  Injection(const Injection&) = delete;
  Injection& operator=(const Injection&) = delete;

  /// Fails with queue_full, or agent_not_found once the program has ended; then nothing happened.
  [[nodiscard]] Result<InjectionSteps> offer(Monotonic now, InjectionItem item);
  /// Takes back an item that has not begun; it gets no outcome. False if it has.
  [[nodiscard]] bool withdraw(std::uint64_t item) { return queue_.remove(item); }

  [[nodiscard]] InjectionSteps screen(Monotonic now, const ScreenText& screen);
  [[nodiscard]] InjectionSteps terminal(Monotonic now, TerminalMode mode);
  void bracketed_paste(bool on);
  [[nodiscard]] InjectionSteps written(Monotonic now);
  [[nodiscard]] InjectionSteps write_failed(Monotonic now, std::string_view reason);
  [[nodiscard]] InjectionSteps drained(Monotonic now);
  /// A human pressed keys. Holds what has not begun, for human_quiet. With `line_open` they have
  /// left a line that is neither entered nor given up: what is typed behind it would be run with
  /// it, so a program without a box is typed nothing until that line has ended.
  [[nodiscard]] InjectionSteps key(Monotonic now, bool line_open = false);
  /// The human says that they are done: no need to wait for quiet.
  [[nodiscard]] InjectionSteps human_done(Monotonic now);
  /// A person at an attached terminal holds messages back, and lets them go.
  [[nodiscard]] InjectionSteps hold(Monotonic now, bool on);
  /// The agent's own hook or MCP call names an item as taken.
  [[nodiscard]] InjectionSteps hook(Monotonic now, std::uint64_t item);
  /// The child is gone: every item ends, and no other is accepted.
  [[nodiscard]] InjectionSteps exited(Monotonic now);
  [[nodiscard]] InjectionSteps on_time(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

  [[nodiscard]] bool keys_may_pass(Monotonic now) const;
  /// A look at the screen may change something. While the program is ready, nothing is queued and
  /// no draft is to be given back, it does not, and the screen need not be drawn.
  [[nodiscard]] bool wants_screen() const;
  /// By what is on the screen it is known when to type. Of any other program only what it draws
  /// is looked at when text for it ends with a key of its own.
  [[nodiscard]] bool reads_screen() const;
  /// Show the screen once more, although it has not changed.
  [[nodiscard]] bool wants_look() const { return !exited_ && tui_.wants_look(); }
  [[nodiscard]] bool wants_drained() const {
    return plain_.wants_drained() || tui_.wants_drained();
  }
  [[nodiscard]] Readiness readiness() const {
    return exited_ ? Readiness::exited : view_.readiness;
  }
  /// What is in the way and left to a person; empty if nothing is.
  [[nodiscard]] const std::string& blocked_by() const { return dialog_.blocked_by(); }
  /// Accepted and not ended, the one in front included.
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::string_view waits_for() const;
  [[nodiscard]] const Profile& profile() const { return profile_; }

 private:
  enum class Writer { none, dialog, tui, plain };

  /// Lets everybody go on who may, and notes whose write is open.
  void settle(Monotonic now, InjectionSteps& out);
  void note_writer(Writer writer, const InjectionSteps& out, std::size_t from);
  void look_at(Monotonic now, const ScreenText& screen, InjectionSteps& out);
  /// The screen as it changed while an answer to a dialog was being written.
  void show_missed(Monotonic now, InjectionSteps& out);
  void begin_next(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool quiet(Monotonic now) const;

  Profile profile_;
  InjectionSettings settings_;
  InjectionQueue queue_;
  DialogAnswer dialog_;
  TuiInjection tui_;
  PlainInjection plain_;
  View view_;
  Writer writer_ = Writer::none;
  std::optional<ScreenText> missed_;
  /// A picture that the program has not finished, and when it began.
  std::optional<ScreenText> unfinished_;
  Monotonic unfinished_since_{};
  std::optional<Monotonic> quiet_from_;
  bool line_open_ = false;
  bool held_ = false;
  bool exited_ = false;
};

}  // namespace relay::pty
