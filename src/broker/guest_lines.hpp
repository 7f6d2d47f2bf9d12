#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "broker/agent_mailbox.hpp"
#include "pty/injection/injection_types.hpp"
#include "pty/injection/readiness.hpp"

namespace relay::broker {

// What a broker and a `wrap` say to each other over the control socket of the latter: one JSON
// object a line. The broker asks; a message that is asked for twice is typed once.

/// A message to be typed: `{"id":…,"from":…,"text":…,"kind":…,"once":true}` and what else the agent
/// is told of it.
[[nodiscard]] std::string guest_message_line(const Mail& message);
/// Tell me of your state from now on.
[[nodiscard]] std::string guest_watch_line();
/// End the program and all that it has started; why is for the person in front of it.
[[nodiscard]] std::string guest_end_line(Duration grace, std::string_view why);
/// The agent has shown that it read the message.
[[nodiscard]] std::string guest_hook_line(std::string_view id);

struct GuestOutcome {
  std::string id;
  pty::InjectionOutcome outcome;
};
/// It was not taken: `queue_full` says to come again, any other code that it never will be.
struct GuestRefusal {
  std::string id;
  Error error;
};
struct GuestState {
  pty::Readiness readiness = pty::Readiness::booting;
  std::string blocked_by;
  /// Of the program; 0 while it is not known.
  pid_t pid = 0;
  /// Bytes that it has printed: with them it is seen to do something.
  std::uint64_t printed = 0;
  /// It has not read yet what was typed last.
  bool unread = false;
  /// The person's terminal: "pts/3".
  std::string terminal;
  bool operator==(const GuestState&) const = default;
};
using GuestNews = std::variant<GuestOutcome, GuestRefusal, GuestState>;

/// `protocol_error` for what no `wrap` says.
[[nodiscard]] Result<GuestNews> read_guest_news(std::string_view line);
/// What `read_guest_news` reads as a GuestState.
[[nodiscard]] std::string guest_state_line(const GuestState& state);

[[nodiscard]] std::string_view name_of(pty::MessageKind kind);
/// `direct` for a name that is none.
[[nodiscard]] pty::MessageKind message_kind_called(std::string_view name);

/// The longest line of a `wrap`.
inline constexpr std::size_t kMostGuestLine = std::size_t{64} << 10U;

}  // namespace relay::broker
