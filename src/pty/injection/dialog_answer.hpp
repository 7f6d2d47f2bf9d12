#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "pty/injection/injection_types.hpp"
#include "pty/injection/profile.hpp"
#include "pty/injection/readiness.hpp"

namespace relay::pty {

/// Answers the dialogs that a profile allows to be answered, when they have stood still for
/// dialog_settles and no human has pressed a key meanwhile. Key by key: the next key goes out when
/// the dialog's pointer has moved or, where no pointer is seen, when dialog_within is over. A key
/// that moved nothing ends the try, so that Enter never confirms a choice that was not made; nor
/// does it when the row to choose is never come by. At most `most` tries for each dialog in a
/// session's life; then it is reported and left to a person.
class DialogAnswer {
 public:
  DialogAnswer(const Profile& profile, const InjectionSettings& settings)
      : profile_(&profile), settings_(&settings), tries_(profile.dialogs.size()) {}

  /// `may_type`: nobody else types and no write is open.
  void on_view(Monotonic now, const View& view, bool may_type, InjectionSteps& out);
  /// The key that was written last is with the terminal.
  void written(Monotonic now);
  void on_time(Monotonic now, InjectionSteps& out);
  /// A human pressed a key: the dialog on the screen is theirs.
  void human_key() { begin_at_.reset(); }
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;
  /// Keys of an answer are on their way.
  [[nodiscard]] bool answering() const { return answering_.has_value(); }
  /// What is reported as being in the way; empty if nothing is.
  [[nodiscard]] const std::string& blocked_by() const { return reported_; }

 private:
  struct Answering {
    std::size_t dialog = 0;
    std::size_t next = 0;
    std::size_t moves = 0;
    std::string choice;
    bool written = false;
    Monotonic deadline{};
  };
  [[nodiscard]] bool allowed(std::size_t dialog) const;
  void begin(std::size_t dialog, InjectionSteps& out);
  void settle(Monotonic now, const View& before);
  /// The next key of the answer, or one towards the row to choose. False when there is none.
  bool press(InjectionSteps& out);
  [[nodiscard]] bool at_choice(const DialogRule& rule) const;
  [[nodiscard]] bool more_keys() const;
  void report(InjectionSteps& out);

  const Profile* profile_;
  const InjectionSettings* settings_;
  std::vector<std::size_t> tries_;
  std::optional<Answering> answering_;
  /// For a dialog that is to be answered.
  std::optional<Monotonic> begin_at_;
  View view_;
  bool was_ready_ = false;
  bool may_type_ = false;
  std::string reported_;
};

}  // namespace relay::pty
