#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pty/injection/injection_types.hpp"
#include "pty/injection/profile.hpp"

namespace relay::pty {

/// Types one text after the other into a program without a known box. In canonical mode these are
/// whole lines, never more at once than the terminal keeps, the next when the program has read the
/// last; a text with a longer line is refused before its first byte, because the terminal would cut
/// it. Otherwise they are the bytes as they are, as a paste if the program asked for pastes, and
/// Enter on its own when they were read. The end is `typed`, or `submitted` if a hook says so.
class PlainInjection {
 public:
  PlainInjection(const Profile& profile, const InjectionSettings& settings)
      : profile_(&profile), settings_(&settings) {}

  [[nodiscard]] bool has_item() const { return item_.has_value(); }
  /// Requires !has_item().
  void begin(Monotonic now, InjectionItem item, InjectionSteps& out);
  void terminal(TerminalMode mode) { canonical_ = mode.canonical; }
  void bracketed_paste(bool on) { bracketed_ = on; }
  /// What the program draws next is awaited.
  [[nodiscard]] bool answering() const { return stage_ == Stage::answering; }
  void may_begin(bool may, InjectionSteps& out);
  /// The screen changed: the program answers to what was typed.
  void drawn(InjectionSteps& out);
  void written(Monotonic now, InjectionSteps& out);
  /// The program has read everything that was written.
  void drained(Monotonic now, InjectionSteps& out);
  void write_failed(std::string_view reason, InjectionSteps& out);
  void hook(std::uint64_t item, InjectionSteps& out);
  void exited(InjectionSteps& out);
  void on_time(Monotonic now, InjectionSteps& out);

  [[nodiscard]] std::optional<Monotonic> next_deadline() const;
  [[nodiscard]] bool wants_drained() const { return stage_ == Stage::draining; }
  [[nodiscard]] bool keys_may_pass() const {
    return stage_ == Stage::idle || stage_ == Stage::waiting;
  }
  [[nodiscard]] std::string_view waits_for() const;

 private:
  enum class Stage { idle, waiting, writing, draining, answering };

  void start(InjectionSteps& out);
  void next(InjectionSteps& out);
  [[nodiscard]] std::size_t piece_at(std::size_t from) const;
  void end(InjectionEnd how, Proof proof, std::string_view reason, InjectionSteps& out);

  const Profile* profile_;
  const InjectionSettings* settings_;
  Stage stage_ = Stage::idle;
  std::optional<InjectionItem> item_;
  bool canonical_ = true;
  bool bracketed_ = false;
  bool may_begin_ = true;
  /// How the text in front is typed; the terminal's mode when it began.
  bool lines_ = true;
  std::string bytes_;
  std::size_t done_ = 0;
  bool enter_left_ = false;
  Monotonic deadline_{};
};

}  // namespace relay::pty
