#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace relay::broker {

/// Messages whose author has asked to be told when they are done (`@@c2a-obligation@@` in the
/// text): the agent is reminded of each until its author reacts with a check mark, three times at
/// most. Pure. In memory: an obligation of a message that waits is there again after a restart.
class Obligations {
 public:
  static constexpr std::string_view kMark = "@@c2a-obligation@@";
  static constexpr std::string_view kReminderMark = "@@c2a-obligation-return@@";
  static constexpr int kMostReminders = 3;
  /// Open ones; the oldest goes for a new one.
  static constexpr std::size_t kMost = 1000;

  /// The time from a message to its first reminder, and between reminders; zero: none at all.
  explicit Obligations(Duration every) : every_(every) {}

  /// A message that waits for this agent now. One without the mark changes nothing.
  void queued(Monotonic now, const std::string& agent, const std::string& message_id,
              const std::string& author, std::string_view body);
  /// Who reacts is not always who wrote.
  void reacted(const std::string& message_id, const std::string& who, std::string_view emoji);

  struct Reminder {
    std::string agent;
    std::string message_id;
    std::string author;
    bool operator==(const Reminder&) const = default;
  };
  /// What is to be said now.
  [[nodiscard]] std::vector<Reminder> due(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

 private:
  struct Open {
    Reminder what;
    Monotonic next{};
    int said = 0;
  };

  Duration every_;
  std::deque<Open> open_;
};

}  // namespace relay::broker
