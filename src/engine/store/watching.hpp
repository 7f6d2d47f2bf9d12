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

/// What has happened in a workspace, as it is kept for who asks later.
struct WorkspaceEvent {
  std::uint64_t seq = 0;
  std::string type;
  /// 0 and empty: of no channel, of none by name, of no conversation, said by nobody.
  Id channel = 0;
  std::string channel_name;
  std::string conversation;
  std::string author;
  std::string payload;  // JSON
  Wall at;
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

  /// The log begins, unless it has. Numbers go on behind all that were ever told of the workspace.
  virtual Result<void> begin_event_log(Id workspace) = 0;
  /// The number of the last event; nothing while there is no log.
  [[nodiscard]] virtual Result<std::optional<std::uint64_t>> event_log(Id workspace) const = 0;
  /// Its number, one behind the last. Only of a workspace with a log.
  virtual Result<std::uint64_t> log_event(Id workspace, const WorkspaceEvent& event) = 0;
  /// Behind `since`, oldest first.
  [[nodiscard]] virtual Result<std::vector<WorkspaceEvent>> workspace_events(
      Id workspace, std::uint64_t since, std::uint32_t most) const = 0;
  /// Removes events that are older; how many.
  virtual Result<std::uint32_t> prune_events(Wall before, std::uint32_t most) = 0;
};

}  // namespace relay::engine
