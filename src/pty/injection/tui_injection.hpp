#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pty/injection/injection_types.hpp"
#include "pty/injection/profile.hpp"
#include "pty/injection/readiness.hpp"

namespace relay::pty {

/// Enters one text after the other into a program with an input box, each by the same recipe: wait
/// for the box; take a human's draft out; paste once; wait until the box shows it; press Enter
/// alone; wait until the box shows it no longer, else Enter again; give the draft back. Nothing is
/// written while a dialog is on the screen, and there is at most one write at a time.
///
/// A text that the box never showed, or whose Enter was not taken, ends as `typed` and is
/// remembered: when it turns up in the box it is entered before anything else goes in.
class TuiInjection {
 public:
  TuiInjection(const Profile& profile, const InjectionSettings& settings)
      : profile_(&profile), settings_(&settings) {}

  [[nodiscard]] bool has_item() const { return item_.has_value(); }
  /// Requires !has_item().
  void begin(Monotonic now, InjectionItem item, InjectionSteps& out);
  void on_view(Monotonic now, const View& view, const ScreenText& screen, InjectionSteps& out);
  /// Whether a human, a hold or an answer to a dialog keeps a text from being begun.
  void may_begin(Monotonic now, bool may, InjectionSteps& out);
  void written(Monotonic now, InjectionSteps& out);
  /// The program has read what was written. The clock for its answer starts here, so that a stalled
  /// one is not taken for one that lost a key.
  void drained(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool wants_drained() const {
    const bool under_way = stage_ != Stage::idle && stage_ != Stage::want_box;
    return unread_ && !writing_ && (under_way || cut_open_ || behind_);
  }
  /// What was seen last is too old to go on by, and the program may not draw anything of its own.
  [[nodiscard]] bool wants_look() const { return stale_ && (item_.has_value() || draft_aside()); }
  /// A human pressed a key. What becomes of the draft that they see is up to them.
  void human_key();
  void write_failed(std::string_view reason, InjectionSteps& out);
  void hook(Monotonic now, std::uint64_t item, InjectionSteps& out);
  void exited(InjectionSteps& out);
  void on_time(Monotonic now, InjectionSteps& out);

  [[nodiscard]] std::optional<Monotonic> next_deadline() const;
  /// False while a key from a human would land in the middle of our text. Never longer than the
  /// longest wait of the recipe, and true as soon as a dialog or anything else takes the box's
  /// place.
  [[nodiscard]] bool keys_may_pass(Monotonic now) const;
  /// What the text in front waits for, in a word: "not_ready", "dialog", "human", "human_draft" …
  [[nodiscard]] std::string_view waits_for() const { return waits_; }
  /// A human's draft is not in the box, or may not be, and has to come back.
  [[nodiscard]] bool draft_aside() const {
    return draft_aside_ || cut_open_ || stage_ == Stage::cutting;
  }

 private:
  enum class Stage { idle, want_box, clearing, cutting, uncutting, pasting, entering, restoring };

  void advance(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool step(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool want_box(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool use_box(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool recover(InjectionSteps& out);
  [[nodiscard]] bool clear_leftover(InjectionSteps& out);
  [[nodiscard]] bool cut_draft(InjectionSteps& out);
  [[nodiscard]] bool cut(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool can_paste() const;
  [[nodiscard]] bool paste(InjectionSteps& out);
  [[nodiscard]] bool pasted(Monotonic now, InjectionSteps& out);
  [[nodiscard]] bool entered(Monotonic now, InjectionSteps& out);
  /// Into an empty box and at once, whether a human types or not: what they type next belongs
  /// behind it. False if there is no draft, or no such box.
  [[nodiscard]] bool give_back(InjectionSteps& out);
  [[nodiscard]] bool wait(std::string_view reason);
  void press_enter(Stage stage, InjectionSteps& out);
  void write(Stage stage, std::string bytes, InjectionSteps& out);
  void pause_without_box(Monotonic now, Duration within);
  void end(InjectionEnd how, Proof proof, std::string_view reason, InjectionSteps& out);
  void give_up(InjectionEnd how, std::string_view reason, InjectionSteps& out);
  [[nodiscard]] bool box_open() const;
  [[nodiscard]] bool text_on_its_way() const {
    return stage_ == Stage::pasting || stage_ == Stage::entering;
  }
  [[nodiscard]] Duration within() const;

  const Profile* profile_;
  const InjectionSettings* settings_;
  Stage stage_ = Stage::idle;
  std::optional<InjectionItem> item_;
  std::string tail_;
  View view_;
  /// The text in front was found on the screen outside of the box.
  bool in_conversation_ = false;
  bool may_begin_ = true;
  bool writing_ = false;
  bool unread_ = false;
  /// The last look is too old to decide by: a text may be on its way into the box.
  bool stale_ = false;
  /// The program has drawn something since it got Enter.
  bool drawn_ = false;
  bool paused_ = false;
  /// A text that was given up is with the terminal: the program has to read it before the next.
  bool behind_ = false;
  std::size_t enters_ = 0;
  bool turn_before_ = false;
  /// A human's draft is in the program's own store and has to come back.
  bool draft_aside_ = false;
  /// The program got the key that takes a draft out and has not done it yet.
  bool cut_open_ = false;
  /// How often it got the key for this draft; a second time does no harm.
  std::size_t cuts_ = 0;
  std::string draft_;
  /// A draft that cannot be taken out as a whole.
  std::string kept_draft_;
  std::string leftover_;
  std::size_t leftover_enters_ = 0;
  std::string_view waits_;
  Monotonic began_{};
  Monotonic deadline_{};
  Monotonic wrote_{};
  Monotonic now_{};
};

}  // namespace relay::pty
