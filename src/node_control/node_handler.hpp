#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "node_control/delivery.hpp"
#include "node_control/delivery_book.hpp"
#include "node_control/tunnel_state.hpp"
#include "wire/engine_frames.hpp"
#include "wire/node_frames.hpp"

namespace relay::node_control {

/// What a heartbeat says about the work here.
struct NodeLoad {
  /// Used share of the node, 0 to 1; 0 when unbounded.
  double load = 0;
  std::uint32_t active_agents = 0;
  /// Whether actions are taken at all; false while the broker drains.
  bool handlers_live = true;
};

enum class NoteLevel { debug, warning, error };

/// The broker, as the node's session needs it. Called on the loop thread, never from within a call
/// that the broker makes into the session but for `inventory` and `load`. No call may block or
/// throw; what takes time is queued by the broker.
class NodeHandler {
 public:
  virtual ~NodeHandler() = default;

  /// For the injector, once; it ends with `NodeSession::done` or `failed`. `late`: messages with a
  /// higher number were surfaced before. The payload is the whole deliver frame as the engine sent
  /// it, for `wire::decode_engine_frame`.
  virtual void surfaced(Delivery delivery, bool late) = 0;
  virtual void dead_letter(DeadLetter letter) = 0;
  /// The engine never sent these; they are not waited for any longer.
  virtual void skipped(Skipped range) = 0;
  /// The engine uses another name for an agent.
  virtual void renamed(Renamed change) = 0;

  /// A new action (an invocation that is repeated is answered by the session). It ends with
  /// `NodeSession::finish`, within the 30 s after which the engine asks again.
  virtual void invoked(wire::ActionInvoke action) = 0;
  /// The engine has the result of this action: it need not be kept any longer.
  virtual void result_settled(std::string invocation_id) { (void)invocation_id; }

  /// Every agent that lives here, for the engine's list; what is missing in it goes offline there.
  virtual std::vector<wire::InventoryEntry> inventory() = 0;
  virtual NodeLoad load() = 0;

  /// The engine had another agent under a name of ours. The session registered ours again: it has
  /// this id and this token now.
  virtual void registered_again(std::string old_agent_id, wire::AgentRegistered agent) = 0;

  virtual void tunnel(const TunnelReport& report) = 0;
  /// For the log; free of secrets.
  virtual void note(NoteLevel level, std::string text) = 0;
};

/// What has to be on disk before the actions are done. The payloads of Surface and DeadLetter are
/// in no other place: who dies before `NodeHandler::surfaced` has to find them here.
struct BookChange {
  BookState state;
  std::vector<DeliveryAction> actions;
};

/// Where the delivery book survives a restart.
class BookStore {
 public:
  virtual ~BookStore() = default;

  /// What the last life of this node left; an empty state when there is none.
  virtual asio::awaitable<Result<BookState>> load() = 0;

  /// Durable when it returns without an error. One call at a time. After an error it is called
  /// again with the same actions, more of them, and the state of then; no action was done
  /// meanwhile.
  virtual asio::awaitable<Result<void>> save(std::shared_ptr<const BookChange> change) = 0;
};

}  // namespace relay::node_control
