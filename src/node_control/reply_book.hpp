#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace relay::node_control {

/// A reply or error frame, as far as correlation needs it.
struct ReplyFrame {
  std::string id;
  bool ok = false;
  /// Of a successful agent.register.
  std::string agent_id;
  std::string agent_name;
  /// Of an error.
  std::string code;
  std::string message;
};

/// The caller that waits under this id gets the frame that was passed in.
struct Answer {
  std::string id;
};
/// The caller that waits under this id gets this error; nothing else will come for it.
struct GiveUp {
  std::string id;
  Error error;
};
/// A registration succeeded when nobody waited any more: send agent.deregister under the same id.
struct Compensate {
  std::string id;
  std::string agent_id;
  std::string agent_name;
};
/// A frame for nobody: log it, an error as a warning with its code, a reply at debug level.
struct Unmatched {
  bool error = false;
};
using ReplyAction = std::variant<Answer, GiveUp, Compensate, Unmatched>;

/// Which of our questions a reply is for. By id; by agent name only for a registration whose id the
/// engine did not keep and when exactly one is open under that name. Pure timers.
class ReplyBook {
 public:
  /// How long a caller waits, and how long a late success is still recognised.
  static constexpr Duration kCallerWaits = std::chrono::seconds(30);
  static constexpr Duration kForgottenAfter = std::chrono::seconds(300);
  /// Questions open at the same time; one more is refused (queue_full).
  static constexpr std::size_t kMostOpen = 1024;

  using Actions = std::vector<ReplyAction>;

  /// A question other than a registration.
  [[nodiscard]] Result<void> ask(Monotonic now, const std::string& id);
  /// `name_conflict` while another caller waits for a registration of this name.
  [[nodiscard]] Result<void> ask_registration(Monotonic now, const std::string& id,
                                              const std::string& agent_name);
  /// The caller no longer waits.
  void abandon(const std::string& id);

  [[nodiscard]] Actions received(const ReplyFrame& frame);
  /// Nothing that was asked on the old connection is answered on a new one: every caller gets
  /// `node_control_disconnected`. A registration that the engine did make ends with the next
  /// inventory, which does not list it.
  [[nodiscard]] Actions disconnected();
  [[nodiscard]] Actions on_time(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  struct Question {
    Monotonic asked;
    /// Empty but for a registration.
    std::string agent_name;
    bool waited_for = true;
    /// A later registration of this name was begun: a late success of this one is not undone, for
    /// that would end the other's agent.
    bool superseded = false;
  };
  using Questions = std::map<std::string, Question>;

  Result<void> add(const std::string& id, Question question);
  Questions::iterator match(const ReplyFrame& frame);

  Questions open_;
};

}  // namespace relay::node_control
