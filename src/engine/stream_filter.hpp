#pragma once

#include <string>
#include <utility>

#include "engine/happenings.hpp"
#include "engine/store/watching.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::engine {

/// By what an event is chosen; empty or 0 where it has nothing of that.
struct StreamFacts {
  std::string type;
  Id channel = 0;
  std::string channel_name;
  std::string conversation;
  std::string author;
};

[[nodiscard]] StreamFacts facts_of(const StreamNews& news);

/// The same of what was written into the log.
[[nodiscard]] StreamFacts facts_of(const WorkspaceEvent& event);

/// What one watcher is shown: all, or what the filters of an observer leave. A filter is about the
/// events that have what it is about: one for channels hides no presence.
class StreamFilter {
 public:
  StreamFilter() = default;
  /// As they are stored. Filters that cannot be read show nothing.
  explicit StreamFilter(const std::string& json);
  explicit StreamFilter(wire::ObserverFilters filters) : filters_(std::move(filters)) {}

  [[nodiscard]] bool shows(const StreamFacts& facts) const;

 private:
  wire::ObserverFilters filters_;
  bool unreadable_ = false;
};

}  // namespace relay::engine
