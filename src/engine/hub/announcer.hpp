// Internal to engine/hub/: who is told what.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <set>
#include <vector>

#include "engine/hub/hub_parts.hpp"
#include "engine/hub/watchers.hpp"
#include "net/event.hpp"

namespace relay::engine {

/// Passes on what operations of the store have done: mailboxes to the courier, events to the nodes
/// of those whom they are for, all of it to who watches. Nothing waits; what a node or a watcher is
/// too slow for is dropped, messages excepted.
class Announcer {
 public:
  /// Of a node with more agents, news for everybody does not name them.
  static constexpr std::size_t kNamedAgents = 64;

  Announcer(asio::any_io_executor executor, HubParts* parts, Watchers* watchers)
      : parts_(*parts), watchers_(*watchers), moved_(std::move(executor)) {}

  void tell(Happenings happenings);
  /// Where agents are now, and all that follows.
  void apply(Outcome outcome);

  /// Looks where agents are that something else than a node has moved.
  asio::awaitable<void> follow_agents();

 private:
  void cut(Id node);
  void invoke(const Invocation& invocation);
  void notify(const Notice& notice);
  void update(Id workspace, const ContextNews& news);

  HubParts& parts_;
  Watchers& watchers_;
  /// Agents that may be elsewhere now.
  std::set<Id> changed_;
  net::Event moved_;
};

}  // namespace relay::engine
