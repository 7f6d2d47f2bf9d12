#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "node_control/node_conversation.hpp"
#include "node_control/node_handler.hpp"
#include "node_control/node_link.hpp"
#include "node_control/node_options.hpp"
#include "node_control/node_tokens.hpp"
#include "node_control/reconnect_policy.hpp"
#include "node_control/tunnel_state.hpp"

namespace relay::node_control {

/// The machine as a node of an engine: connects, stays connected through every fault, and carries
/// deliveries, actions and agents between the engine and the broker. All calls on the loop thread.
///
///   NodeSession session(executor, clock, random, tokens, store, handler, options);
///   const auto started = co_await session.start();   // an error: a new try cannot help
///   …
///   co_await session.stop();                          // always, also after an error of start
class NodeSession {
 public:
  /// What comes in by reference outlives this.
  NodeSession(asio::any_io_executor executor, Clock& clock, Random& random, NodeTokens& tokens,
              BookStore& store, NodeHandler& handler, NodeOptions options);
  NodeSession(const NodeSession&) = delete;
  NodeSession& operator=(const NodeSession&) = delete;

  /// Reads the journal and makes the first try, `start_within` at most. Without an error the
  /// session runs from now on, connected or not (`status`). An error is the journal's, or the
  /// engine's real reason why it will never take this node: bad key, name or id of another node.
  asio::awaitable<Result<void>> start();

  /// Takes leave: saves, writes what is ready, deregisters the node unless it goes on, ends every
  /// task. Callers that
  /// wait get `cancelled`. Within about twice `leave_within`, whatever the engine does.
  asio::awaitable<void> stop(Farewell farewell = Farewell::for_good);

  /// Registers an agent over the node's socket. Errors: `node_not_ready` at once without a
  /// connection, `timeout` after 30 s (a late success is undone), `connection_closed` when it ended
  /// meanwhile, `name_conflict` while another call registers this name, and the engine's refusal.
  /// The caller lists the agent in `NodeHandler::inventory` and says so with `inventory_changed`.
  asio::awaitable<Result<wire::AgentRegistered>> register_agent(AgentWish wish);
  /// An agent that was registered and bound over HTTP lives here now.
  void adopt_agent(const std::string& agent_id, const std::string& name);
  /// The agent is gone: said to the engine before anything that is said later. `queue_full` when
  /// the engine does not read: nothing has changed then. The caller takes it from the inventory.
  Result<void> deregister_agent(const std::string& agent_id, const std::string& name);

  /// How a surfaced delivery ended: for good (typed, or dead by the injector's decision), or given
  /// back untouched.
  void done(const std::string& agent_id, std::uint64_t seq, std::string_view delivery_id);
  void failed(const std::string& agent_id, std::uint64_t seq, const std::string& delivery_id);
  /// The one result of an action that was given to `invoked`; it reaches the engine also when the
  /// connection is down now. False for any other invocation, and for a second result.
  bool finish(const std::string& invocation_id, std::variant<wire::Json, std::string> outcome);
  /// A result of an earlier life, as its action.result frame, before `start`: it goes out on the
  /// first connection, and answers the invocation if the engine repeats it. False when there are
  /// too many.
  bool restore_result(const std::string& invocation_id, std::string frame);

  void inventory_changed();
  void load_changed();
  void set_manifest(NodeManifest manifest);
  /// Try now: somebody put another token in place, or knows that the network is back.
  void try_now();
  /// The clock went on without the loop: a machine that slept, or the clock of a test.
  void look_again() { wake_.notify(); }

  void on_tunnel(TunnelSubscribers::Subscriber subscriber);
  [[nodiscard]] NodeStatus status() const;

 private:
  asio::awaitable<void> live();
  asio::awaitable<NodeEnd> once();
  asio::awaitable<NodeEnd> find_token();
  asio::awaitable<void> keep_time();
  asio::awaitable<void> rest(Duration wait);
  NextTry judge(const NodeEnd& end);
  void reject_token(bool mint);
  void accepted();
  void first_try_ended(Result<void> how);
  void tell(const TunnelState::Report& report);
  void note(NoteLevel level, std::string text) { handler_.note(level, std::move(text)); }

  Clock& clock_;
  NodeTokens& tokens_;
  NodeHandler& handler_;
  const NodeOptions options_;
  NodeDialer dialer_;
  ReconnectPolicy policy_;
  TunnelState tunnel_;
  TunnelSubscribers subscribers_;
  net::Event wake_;
  NodeConversation conversation_;
  net::TaskGroup group_;

  std::optional<NodeToken> token_;
  std::optional<Secret> rejected_;
  NodeToken identity_;
  std::optional<Result<void>> first_try_;
  std::optional<Monotonic> next_try_;
  std::optional<Error> last_error_;
  std::uint64_t tries_ = 0;
  bool leaving_ = false;
};

}  // namespace relay::node_control
