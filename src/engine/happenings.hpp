#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/invocation.hpp"
#include "wire/deliver_events.hpp"
#include "wire/engine_frames.hpp"
#include "wire/stream_events.hpp"

namespace relay::engine {

/// For agents, as a frame of number 0 to the nodes where they are: best effort, never kept.
struct Notice {
  std::vector<Id> to;
  /// What the frame is about: the id of a message or of an invocation, or the name of an action.
  std::string about;
  wire::DeliverEvent event;
};

/// For the nodes of some agents: best effort, never kept.
struct ContextNews {
  /// Agents whose nodes are told; nobody: all nodes of the workspace.
  std::vector<Id> agents;
  wire::ContextUpdate update;
};

/// For who watches the workspace on /v1/ws.
struct StreamNews {
  /// By which watchers choose; 0: all who watch.
  Id channel = 0;
  /// Of a channel its name, of anything else that messages are in the id of the conversation.
  std::string channel_name;
  std::string conversation;
  wire::StreamMessageToClient event;
};

/// A delivery that needs not be sent any more, because it was settled elsewhere.
struct SettledRow {
  Id agent = 0;
  std::uint64_t seq = 0;
};

/// What an operation of the store has caused, for those who have to be told. Filled in while the
/// operation runs, handed on once it is durable: of what was refused nobody hears.
struct Happenings {
  Id workspace = 0;
  /// Agents whose mailbox has something new to send.
  std::vector<Id> mailboxes;
  std::vector<SettledRow> settled;
  /// To be sent to their nodes.
  std::vector<Invocation> dispatched;
  std::vector<Notice> notices;
  std::vector<ContextNews> context;
  std::vector<StreamNews> stream;
  /// Agents that have another token, node or process, or are gone: what is known of them beside the
  /// store is read again.
  std::vector<Id> changed_agents;
  /// Nodes that have another token or are gone: their connections end.
  std::vector<Id> cut_nodes;
};

}  // namespace relay::engine
