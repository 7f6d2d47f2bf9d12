#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "os/processes.hpp"

namespace relay::broker {

/// Where an agent is in its life.
enum class AgentState {
  starting,  // its program runs, and has not shown yet that it can be talked to
  idle,      // nothing moves
  working,   // it prints
  blocked,   // something that a person has to answer is in the way
  ending,    // it is being released
  exited,    // its program has ended; it is listed until it is restarted or released
};
[[nodiscard]] std::string_view name_of(AgentState state);

/// How messages reach an agent.
enum class DeliveryMode {
  auto_inject,   // typed as they come
  manual_flush,  // kept until somebody says so
};
[[nodiscard]] std::string_view name_of(DeliveryMode mode);

/// An agent as others see it.
struct AgentView {
  std::string name;
  std::string agent_id;
  /// Of its session; a restarted agent has another one.
  std::string generation;
  /// As it was asked for: "claude", and what it is called by its profile.
  std::string cli;
  std::string profile;
  std::string model;
  /// The agent CLI's own session, when it is known.
  std::string session_id;
  std::string cwd;
  /// It runs in a person's own terminal, by `wrap`: which one ("pts/3"), when it is known.
  bool wrapped = false;
  std::string terminal;
  std::string team;
  std::string parent;
  std::vector<std::string> channels;
  /// 0 when the program has ended.
  pid_t pid = 0;
  AgentState state = AgentState::starting;
  /// With `blocked`: the name of what is in the way ("trust").
  std::string blocked_by;
  std::optional<os::ExitStatus> exit;
  Wall started{};
  Wall last_activity{};
  /// How long ago that was.
  Duration quiet{};
  DeliveryMode mode = DeliveryMode::auto_inject;
  /// Changes with every change of the mode.
  std::uint64_t mode_revision = 0;
  /// Accepted and not ended.
  std::size_t pending = 0;
  std::uint64_t submitted = 0;
  std::uint64_t typed = 0;
  /// Typed into its terminal, and not read by its program yet.
  std::uint64_t unread = 0;
  std::uint64_t dead = 0;
  std::uint32_t restarts = 0;
  /// Bytes of its program's memory, when the system tells.
  std::uint64_t memory = 0;
};

/// One message that waits for an agent.
struct PendingMessage {
  std::string delivery_id;
  std::string event_id;
  std::string agent;
  std::string from;
  std::string target;
  std::string thread_id;
  std::string body;
  int priority = 0;
  /// "wait" or "steer"
  std::string mode;
  Wall queued{};
  std::uint32_t attempts = 0;
};

/// A program that ended by itself, and not well.
struct CrashView {
  CrashView(std::string agent_in, os::ExitStatus exit_in)
      : agent(std::move(agent_in)), exit(exit_in) {}
  std::string agent;
  os::ExitStatus exit;
  Wall at{};
  /// How long it had run.
  Duration uptime{};
};

/// A message that could not be delivered, until somebody sends it again or drops it.
struct DeadLetterView {
  std::int64_t id = 0;
  std::string agent;
  std::string delivery_id;
  std::string from;
  std::string target;
  std::string body;
  /// "unknown_agent", "agent_released", "worker_exited", "not_ready", …
  std::string reason;
  std::uint32_t attempts = 0;
  Wall queued{};
  Wall died{};
};

}  // namespace relay::broker
