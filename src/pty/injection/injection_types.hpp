#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace relay::pty {

/// One message for the agent, ready to be typed: make_envelope made its text.
struct InjectionItem {
  /// Unique in the session; the broker's, not ours.
  std::uint64_t id = 0;
  std::string text;
  /// Typed instead of `text` if `recovering` finds nothing: says that it may be a repeat.
  std::string repeat_text;
  /// Higher goes first; equal ones keep their order.
  int priority = 0;
  /// It may have been typed before a crash: look for it on the screen first.
  bool recovering = false;
};

enum class InjectionEnd {
  submitted,  // the agent took it as input, see the proof
  typed,      // it may have arrived, or arrive yet: the terminal has it, but nothing proves more
  dead,       // it was not typed, or not wholly: see the reason
};

enum class Proof {
  none,
  box,     // the input box showed it, and no longer does after Enter
  turn,    // a turn began after Enter
  hook,    // the agent's own hook or MCP call named it
  screen,  // found on the screen outside of the box
};

/// The reason of what the terminal has and its program has not taken.
inline constexpr std::string_view kNotRead = "not_read";

struct InjectionOutcome {
  InjectionEnd end = InjectionEnd::dead;
  Proof proof = Proof::none;
  /// For typed and dead, stable and short: "not_ready", "dialog", "human_draft", "not_shown" ...
  std::string reason;
  bool operator==(const InjectionOutcome&) const = default;
};

[[nodiscard]] std::string_view name_of(InjectionEnd end);
[[nodiscard]] std::string_view name_of(Proof proof);

enum class InjectionAct {
  write,    // hand `bytes` to the terminal as one piece; answer with written() or write_failed()
  written,  // for the journal: every byte of item `item` was taken by the terminal
  ended,    // item `item` has `outcome`; said once for each item
  blocked,  // something that we do not answer is in the way: `note` is its name. Said at each
            // change
  clear,    // what was in the way is gone
  warn,     // `note` is for the log and the status
};

struct InjectionStep {
  InjectionAct act = InjectionAct::write;
  std::string bytes;
  std::uint64_t item = 0;
  InjectionOutcome outcome;
  std::string note;
};
using InjectionSteps = std::vector<InjectionStep>;
[[nodiscard]] InjectionStep ended_step(std::uint64_t item, InjectionOutcome outcome);

/// Every wait's end. All of them end in an outcome or in the next try.
struct InjectionSettings {
  /// After a human's last key, until a release says that they are done.
  Duration human_quiet = std::chrono::seconds(3);
  /// How long the item in front waits for the box: boot, a dialog, a draft, a human, a busy
  /// program.
  Duration patience = std::chrono::minutes(10);
  /// A program that does not read its terminal for this long is stuck.
  Duration write_within = std::chrono::seconds(30);
  Duration cut_within = std::chrono::seconds(2);
  /// Measured: 8 to 68 ms when idle, 450 ms when stalled.
  Duration show_within = std::chrono::seconds(10);
  /// Measured: 40 to 230 ms. Then Enter is pressed again.
  Duration confirm_within = std::chrono::seconds(1);
  /// The same for a program that has drawn nothing since: it is busy rather than deaf, and an Enter
  /// too many may reach the next text.
  Duration stall_within = std::chrono::seconds(8);
  Duration restore_within = std::chrono::seconds(2);
  Duration dialog_within = std::chrono::seconds(1);
  /// A dialog that has just come is drawn anew, with its pointer at the first row again: measured
  /// 180 ms later.
  Duration dialog_settles = std::chrono::milliseconds(500);
  /// A program that leaves a picture unfinished for longer has lost its way; terminals show it
  /// then.
  Duration picture_within = std::chrono::milliseconds(500);
  /// A plain program that is at work reads when it has done that: until then nothing is lost, and
  /// nothing is said to have been read.
  Duration drain_within = std::chrono::minutes(10);
  /// Without a known box: how long something on the screen may take to answer a text before Enter.
  Duration echo_within = std::chrono::milliseconds(500);
  std::size_t most_items = 256;
  std::size_t most_bytes = std::size_t{16} << 20;
  /// Linux cuts a canonical line behind this, newline included, without an error.
  std::size_t canonical_line = 4095;
};

/// What the terminal's driver says now (termios).
struct TerminalMode {
  bool canonical = true;
};

}  // namespace relay::pty
