#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/task_group.hpp"
#include "node_control/liveness.hpp"
#include "node_control/node_deliveries.hpp"
#include "node_control/node_handler.hpp"
#include "node_control/node_link.hpp"
#include "node_control/node_options.hpp"
#include "node_control/node_questions.hpp"
#include "node_control/outbox.hpp"

namespace relay::node_control {

/// An agent that is to live on this node.
class AgentWish {
 public:
  explicit AgentWish(std::string name_in) : name(std::move(name_in)) {}

  std::string name;
  std::optional<std::string> invocation_id;
  /// What a later start can resume; says `resumable` with it.
  std::optional<std::string> session_ref;
  /// The id it had here before, if it had one.
  std::string previous_agent_id;
};

/// How a try to be connected ended.
class NodeEnd {
 public:
  NodeEnd() = default;

  /// The engine had accepted the node.
  bool accepted = false;
  Error error{Code::connection_closed, "no connection"};
  /// Without `accepted`.
  ConnectFailure failure;
};

/// Everything that is said on the node's connection, and what outlives one connection: open
/// questions, results, acks, the delivery book. Knows nothing of tokens and of when to try again.
class NodeConversation {
 public:
  class Hooks {
   public:
    Hooks() = default;
    /// The engine has accepted the node on this connection.
    std::function<void()> accepted;
    /// A deadline may have come nearer: call `next_deadline`.
    std::function<void()> wake;
  };

  /// What comes in by reference outlives this.
  NodeConversation(asio::any_io_executor executor, Clock& clock, Random& random,
                   NodeHandler& handler, BookStore& store, const NodeOptions& options, Hooks hooks);

  /// Says everything a new connection begins with, then listens until its end.
  asio::awaitable<NodeEnd> run(std::shared_ptr<NodeLink> link, NodeToken token);
  /// Writes what is ready, deregisters the node, closes. Within `leave_within`.
  asio::awaitable<void> leave(Farewell farewell);

  void on_time();
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

  asio::awaitable<Result<wire::AgentRegistered>> register_agent(AgentWish wish);
  Result<void> deregister_agent(const std::string& agent_id, const std::string& name);
  bool finish(const std::string& invocation_id, std::variant<wire::Json, std::string> outcome);
  bool restore_result(const std::string& invocation_id, std::string frame) {
    return outbox_.restored(invocation_id, std::move(frame));
  }
  void inventory_changed();
  void load_changed();
  void set_manifest(NodeManifest manifest);

  [[nodiscard]] bool accepted() const { return accepted_; }
  [[nodiscard]] NodeDeliveries& deliveries() { return deliveries_; }
  [[nodiscard]] const NodeDeliveries& deliveries() const { return deliveries_; }
  [[nodiscard]] NodeQuestions& questions() { return questions_; }
  [[nodiscard]] net::TaskGroup& group() { return group_; }
  void fill(NodeStatus& status) const;

 private:
  class Talking;

  void begin();
  void ended();
  asio::awaitable<Error> listen();
  /// True when the connection is to be closed now.
  bool take(wire::EngineFrame frame);
  void take(wire::Deliver frame, std::string text);
  void take(wire::ActionInvoke frame);
  void take(const wire::Reply& reply);
  bool take(const wire::ErrorFrame& error);
  void accept();

  Result<void> send(const wire::NodeFrame& frame);
  void send_register(std::string id);
  void ask(std::uint64_t question);
  [[nodiscard]] bool may_list(const std::vector<wire::InventoryEntry>& agents) const;
  void send_heartbeat();
  void flush();
  void follow(const Liveness::Steps& steps);
  void drop(DeadBecause because);

  void correct(Verdict verdict, const std::string& agent_id, const std::string& name);
  void deregister_stranger(const std::string& agent_id);
  asio::awaitable<void> register_again(wire::InventoryEntry entry);
  void undo(const Compensate& compensate);
  void note(NoteLevel level, std::string text) { handler_.note(level, std::move(text)); }

  Clock& clock_;
  Random& random_;
  NodeHandler& handler_;
  const NodeOptions& options_;
  NodeManifest manifest_;
  Hooks hooks_;
  Liveness liveness_;
  Outbox outbox_;
  NodeQuestions questions_;
  NodeDeliveries deliveries_;
  net::TaskGroup group_;

  /// Null when there is no connection.
  std::shared_ptr<NodeLink> link_;
  NodeToken token_;
  bool accepted_ = false;
  std::string register_id_;
  Monotonic link_heard_{};
  /// Why we end the connection.
  std::optional<Error> because_;
  /// The engine's refusal of node.register, as an HTTP status.
  int refusal_status_ = 0;
  /// Agents that were set right on this connection.
  std::set<std::string> corrected_;
  /// Actions that run, by invocation, and since when.
  std::map<std::string, Monotonic> running_;
  /// An inventory was put off until they are finished, and since when.
  std::optional<Monotonic> inventory_owed_;
  /// The socket was full; when to write again.
  std::optional<Monotonic> write_again_;
  NodeCounters counters_;
};

}  // namespace relay::node_control
