#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace relay::cli {

/// As in dtach and abduco: no program in a raw terminal misses it.
inline constexpr const char* kUsualDetachKey = "ctrl-\\";

/// The keys that detach, one behind the other. Each is a control key, as its byte.
using DetachKeys = std::vector<char>;

/// "ctrl-\", "ctrl-p,ctrl-q" (with a comma or a blank between), or "none". At most four;
/// `invalid_argument` for everything else.
[[nodiscard]] Result<DetachKeys> detach_keys(std::string_view text);

/// Reads what comes from the real terminal in front of an agent. Pure; pieces may be cut anywhere.
///
/// The agent's broker answers the queries of its program, so the answers that this terminal gives
/// as well are left out; mouse and focus pass. Control keys are known in each form in which a
/// terminal may send them: as a byte, in kitty's protocol and as xterm's modifyOtherKeys. In a
/// paste they are text.
class AttachKeys {
 public:
  struct Typed {
    /// What the agent gets.
    std::string keys;
    /// The control keys in it, as bytes.
    std::string controls;
    /// Detach: `keys` is what was typed before.
    bool detach = false;
  };

  explicit AttachKeys(DetachKeys detach) : detach_(std::move(detach)) {}

  [[nodiscard]] Typed feed(std::string_view bytes);
  /// What this terminal is given to show: for each question after its cursor in it there will be
  /// an answer, which looks like Shift-F3 when the cursor is in the first row.
  void shown(std::string_view output);

 private:
  void take(std::string_view token, Typed& typed);
  [[nodiscard]] bool is_owed(std::string_view token);
  void look_for_paste(std::string_view bytes);

  DetachKeys detach_;
  /// The first keys of `detach_`, and what came between; they pass when another key follows.
  std::size_t matched_ = 0;
  std::string matched_bytes_;
  /// The beginning of a sequence.
  std::string unfinished_;
  bool pasting_ = false;
  /// Answers after the cursor that have not come, and how much of another question was shown.
  std::size_t owed_ = 0;
  std::size_t asked_ = 0;
  /// The last bytes, as many as a bracket of a paste has.
  std::string last_bytes_;
};

}  // namespace relay::cli
