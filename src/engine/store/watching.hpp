#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// A token for who only watches.
struct Observer {
  Id id = 0;
  Id workspace = 0;
  std::string name;
  std::vector<std::string> scopes;
  std::optional<std::string> description;
  std::string filters;  // JSON, or empty
  std::optional<Wall> expires;
};

/// What an agent has said of itself.
struct AgentLogEvent {
  Id id = 0;
  std::uint64_t seq = 0;
  std::string type;
  std::string payload;  // JSON
};

/// An action that is invoked when an agent posts into a channel. What is not set fits everything.
struct Trigger {
  Id id = 0;
  Id workspace = 0;
  std::optional<std::string> channel;
  std::optional<std::string> pattern;
  std::optional<std::string> mention;
  std::string action;
  bool enabled = true;
  std::optional<Wall> last_triggered;
  Wall updated;
};

class WatchingStore {
 public:
  /// Events of one agent that are kept.
  static constexpr std::uint64_t kEventsKept = 1000;

  virtual ~WatchingStore() = default;

  /// With a new id, or that of an observer to change. observer_token_name_conflict.
  virtual Result<Observer> put_observer(const Observer& observer,
                                        const std::optional<std::string>& token_hash) = 0;
  /// observer_token_not_found.
  virtual Result<void> remove_observer(Id id) = 0;
  [[nodiscard]] virtual Result<Observer> observer(Id workspace, Id id) const = 0;
  [[nodiscard]] virtual Result<std::vector<Observer>> observers(Id workspace) const = 0;
  /// observer_token_invalid, also for one whose time is over.
  [[nodiscard]] virtual Result<Observer> observer_of_token(const std::string& token_hash) const = 0;

  virtual Result<AgentLogEvent> add_agent_event(Id agent, const std::string& type,
                                                const std::string& payload) = 0;
  /// The last ones, oldest first.
  [[nodiscard]] virtual Result<std::vector<AgentLogEvent>> agent_events(
      Id agent, std::uint32_t most) const = 0;

  /// With a new id, or that of a trigger to change.
  virtual Result<Trigger> put_trigger(const Trigger& trigger) = 0;
  virtual Result<void> remove_trigger(Id id) = 0;
  /// Whether it may fire now: not when it has since `since`.
  virtual Result<bool> claim_trigger(Id id, Wall since) = 0;
  /// trigger_not_found.
  [[nodiscard]] virtual Result<Trigger> trigger(Id workspace, Id id) const = 0;
  [[nodiscard]] virtual Result<std::vector<Trigger>> triggers(Id workspace) const = 0;
};

}  // namespace relay::engine
