// The part of the conversation that is about agents and actions.
#include <utility>

#include "base/ids.hpp"
#include "node_control/node_conversation.hpp"

namespace relay::node_control {
namespace {

/// What waited for a registration is let go unless it succeeded, also when the caller is cancelled.
class Spawning {
 public:
  Spawning(NodeDeliveries* deliveries, std::string name)
      : deliveries_(deliveries), name_(std::move(name)) {
    deliveries_->spawn_started(name_);
  }
  ~Spawning() {
    if (!done_) deliveries_->spawn_failed(name_);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
  void succeeded() { done_ = true; }

 private:
  NodeDeliveries* deliveries_;
  std::string name_;
  bool done_ = false;
};

}  // namespace

asio::awaitable<Result<wire::AgentRegistered>> NodeConversation::register_agent(AgentWish wish) {
  if (!accepted_) {
    co_return fail(Code::node_not_ready,
                   "node_control_disconnected: the node is not connected to the engine");
  }
  const std::string id = "agent_register_" + uuid_v4(random_);
  auto asked = questions_.ask_registration(id, wish.name);
  if (!asked) co_return fail(std::move(asked).error());
  Spawning spawning(&deliveries_, wish.name);
  wire::AgentRegister frame;
  frame.id = id;
  frame.name = wish.name;
  frame.invocation_id = wish.invocation_id;
  frame.session_ref = wish.session_ref;
  if (wish.session_ref) frame.resumable = true;
  auto sent = send(frame);
  if (!sent) {
    questions_.forget(id);
    co_return fail(std::move(sent).error().within("fleet_control_backpressure"));
  }
  hooks_.wake();
  auto answer = co_await questions_.wait(id);
  if (!answer) co_return fail(std::move(answer).error());
  if (answer->agent_id.empty() || answer->token.empty()) {
    co_return fail(Code::protocol_error, "invalid_agent_register_reply_data: no id or no token");
  }
  spawning.succeeded();
  if (!wish.previous_agent_id.empty() && wish.previous_agent_id != answer->agent_id) {
    deliveries_.released(wish.previous_agent_id);
  }
  deliveries_.registered(answer->agent_id, wish.name, answer->delivery_ack_seq);
  co_return answer;
}

Result<void> NodeConversation::deregister_agent(const std::string& agent_id,
                                                const std::string& name) {
  if (link_ != nullptr) {
    wire::AgentDeregister frame;
    frame.agent_id = agent_id;
    frame.name = name;
    auto sent = send(frame);
    // A connection that just ended is as none: the next inventory does not list the agent.
    if (!sent && sent.error().code == Code::queue_full) {
      return fail(std::move(sent).error().within("fleet_control_backpressure"));
    }
  }
  deliveries_.released(agent_id);
  return {};
}

bool NodeConversation::finish(const std::string& invocation_id,
                              std::variant<wire::Json, std::string> outcome) {
  const auto* const error = std::get_if<std::string>(&outcome);
  const bool passed_on = error != nullptr && *error == wire::kHandlerUnavailable;
  std::string frame = result_frame(invocation_id, std::move(outcome));
  if (!outbox_.finished(invocation_id, std::move(frame), passed_on)) return false;
  running_.erase(invocation_id);
  flush();
  if (inventory_owed_ && may_list(handler_.inventory())) inventory_changed();
  return true;
}

/// The engine sends for an agent that does not live here. Once per agent and connection: it may
/// have more frames under way.
void NodeConversation::correct(Verdict verdict, const std::string& agent_id,
                               const std::string& name) {
  if (!corrected_.insert(agent_id).second) return;
  if (verdict == Verdict::retired) return deregister_stranger(agent_id);
  for (auto& entry : handler_.inventory()) {
    if (entry.name != name) continue;
    note(NoteLevel::warning,
         "the engine has another agent under the name " + name + "; ours is registered again");
    group_.spawn(register_again(std::move(entry)));
    return;
  }
  deregister_stranger(agent_id);
}

void NodeConversation::deregister_stranger(const std::string& agent_id) {
  wire::AgentDeregister frame;
  frame.agent_id = agent_id;
  (void)send(frame);
  note(NoteLevel::warning,
       "the engine sends for the agent " + agent_id + ", which is not here; it was deregistered");
}

asio::awaitable<void> NodeConversation::register_again(wire::InventoryEntry entry) {
  AgentWish wish(entry.name);
  wish.session_ref = entry.session_ref;
  wish.previous_agent_id = entry.agent_id;
  auto answer = co_await register_agent(std::move(wish));
  if (!answer) {
    note(NoteLevel::error, "cannot register " + entry.name + " again: " + answer.error().message);
    co_return;
  }
  handler_.registered_again(entry.agent_id, *std::move(answer));
  inventory_changed();
}

void NodeConversation::undo(const Compensate& compensate) {
  wire::AgentDeregister frame;
  frame.id = compensate.id;
  frame.agent_id = compensate.agent_id;
  frame.name = compensate.agent_name;
  (void)send(frame);
  note(NoteLevel::warning,
       "the registration of " + compensate.agent_name + " came too late and was undone");
}

}  // namespace relay::node_control
