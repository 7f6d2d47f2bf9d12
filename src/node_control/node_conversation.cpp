#include "node_control/node_conversation.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "base/failpoint.hpp"
#include "base/ids.hpp"
#include "base/printable.hpp"
#include "node_control/recent_marks.hpp"

namespace relay::node_control {
namespace {

/// After that the engine no longer waits for the result of an action.
constexpr Duration kEngineWaits = std::chrono::seconds(30);
/// For so long new actions may put an inventory off. Then they are left to other nodes until it is
/// said: without it the engine does not know of new agents.
constexpr Duration kPutOffAtMost = std::chrono::seconds(5);
constexpr Duration kWriteAgain = std::chrono::milliseconds(100);
constexpr std::string_view kQuestionId = "question_";

std::optional<std::uint64_t> question_of(std::string_view id) {
  if (!id.starts_with(kQuestionId)) return std::nullopt;
  id.remove_prefix(kQuestionId.size());
  std::uint64_t number = 0;
  for (const char c : id) {
    if (c < '0' || c > '9' || number > std::numeric_limits<std::uint32_t>::max()) {
      return std::nullopt;
    }
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

/// Refusals of the node itself, as an HTTP status; 0 for any other.
int node_refusal(std::string_view code) {
  if (code == "node_name_conflict") return 409;
  if (code == "node_id_mismatch") return 403;
  if (code == "node_not_found") return 404;
  return 0;
}

/// The engine sends an ephemeral frame once, and makes its id of what it is about: two reactions to
/// one message share theirs, as do two denials of one action. Same content, same frame; but a
/// denial may well come twice with the same words.
std::string ephemeral_id(const wire::Deliver& frame) {
  const auto payload = wire::JsonDocument::parse(frame.payload.text(), wire::kEngineLimits);
  const auto type = payload ? payload->root().find("type") : std::nullopt;
  if (type && type->string() == "action.denied") return {};
  return fmt::format("{}-{:016x}", frame.delivery_id, mark_of(frame.payload.text()));
}

NodeDeliveries::Hooks delivery_hooks(std::function<void()> flush, std::function<void()> resync,
                                     std::function<void()> wake, NodeHandler& handler) {
  NodeDeliveries::Hooks hooks;
  hooks.flush = std::move(flush);
  hooks.resync = std::move(resync);
  hooks.wake = std::move(wake);
  hooks.store_failed = [&handler](const Error& error) {
    handler.note(NoteLevel::error, "deliveries stand still: " + error.message);
  };
  return hooks;
}

}  // namespace

/// A connection in use: whatever ends it, nobody writes to it afterwards.
class NodeConversation::Talking {
 public:
  Talking(NodeConversation* conversation, std::shared_ptr<NodeLink> link)
      : conversation_(conversation) {
    conversation_->link_ = std::move(link);
  }
  ~Talking() { conversation_->ended(); }
  Talking(const Talking&) = delete;
  Talking& operator=(const Talking&) = delete;

 private:
  NodeConversation* conversation_;
};

NodeConversation::NodeConversation(asio::any_io_executor executor, Clock& clock, Random& random,
                                   NodeHandler& handler, BookStore& store,
                                   const NodeOptions& options, Hooks hooks)
    : clock_(clock),
      random_(random),
      handler_(handler),
      options_(options),
      manifest_(options.manifest),
      hooks_(std::move(hooks)),
      liveness_(options.liveness),
      questions_(executor, clock, [this](const Compensate& late) { undo(late); }),
      deliveries_(executor, clock, handler, store, outbox_, options.mailbox, options.save_within,
                  delivery_hooks([this] { flush(); }, [this] { inventory_changed(); },
                                 [this] { hooks_.wake(); }, handler)),
      group_(std::move(executor)) {}

// One connection

asio::awaitable<NodeEnd> NodeConversation::run(std::shared_ptr<NodeLink> link, NodeToken token) {
  NodeEnd end;
  const Talking talking(this, std::move(link));
  token_ = std::move(token);
  begin();
  end.error = co_await listen();
  end.accepted = accepted_;
  end.failure.status = refusal_status_;
  end.failure.reason = end.error.message;
  co_return end;
}

void NodeConversation::begin() {
  accepted_ = false;
  because_.reset();
  refusal_status_ = 0;
  corrected_.clear();
  write_again_.reset();
  link_heard_ = link_->last_heard();
  register_id_ = "node_register_" + uuid_v4(random_);
  send_register(register_id_);
  // Before the inventory, which gives away every action whose result the engine does not have.
  flush();
  // The inventory also tells the book who lives here, before the first frame is read.
  follow(liveness_.connected(clock_.now()));
  deliveries_.connected();
  hooks_.wake();
}

void NodeConversation::ended() {
  link_.reset();
  counters_.connections += accepted_ ? 1 : 0;
  accepted_ = false;
  // They are another node's by now, or will be sent again.
  running_.clear();
  liveness_.disconnected();
  questions_.disconnected();
  outbox_.disconnected(clock_.now());
  deliveries_.disconnected();
}

asio::awaitable<Error> NodeConversation::listen() {
  const auto link = link_;
  for (;;) {
    auto text = co_await link->receive();
    if (!text) co_return because_.value_or(text.error());
    liveness_.received(clock_.now(), true);
    ++counters_.frames_in;
    auto frame = wire::decode_engine_frame(*text);
    if (!frame) {
      ++counters_.bad_frames;
      note(NoteLevel::warning, "a frame of the engine was passed over: " + frame.error().message);
      continue;
    }
    if (auto* delivery = std::get_if<wire::Deliver>(&*frame)) {
      const bool room = co_await deliveries_.room();
      if (room) take(std::move(*delivery), *std::move(text));
      continue;
    }
    const bool over = take(std::move(*frame));
    if (!over) continue;
    flush();
    co_await link->close("", options_.leave_within);
    co_return because_.value();
  }
}

asio::awaitable<void> NodeConversation::leave(Farewell farewell) {
  if (link_ == nullptr) co_return;
  flush();
  because_ = Error(Code::cancelled, "the node leaves");
  if (farewell == Farewell::for_good) {
    const auto sent = send(wire::NodeDeregister());
    if (!sent) note(NoteLevel::warning, "no deregistration: " + sent.error().message);
  }
  // The reader lets go of it as soon as it is closed.
  const auto link = link_;
  co_await link->close("the node leaves", options_.leave_within);
}

// What the engine says

bool NodeConversation::take(wire::EngineFrame frame) {
  if (auto* action = std::get_if<wire::ActionInvoke>(&frame)) {
    take(std::move(*action));
  } else if (const auto* reply = std::get_if<wire::Reply>(&frame)) {
    take(*reply);
  } else if (const auto* error = std::get_if<wire::ErrorFrame>(&frame)) {
    return take(*error);
  } else if (const auto* unknown = std::get_if<wire::UnknownFrame>(&frame)) {
    if (unknown->type == "drain") {
      because_ = Error(Code::connection_closed, "the engine drains: it asked us to come again");
      return true;
    }
    ++counters_.unknown_frames;
    note(NoteLevel::debug, "unknown frame " + printable(unknown->type));
  }
  return false;
}

void NodeConversation::take(wire::Deliver frame, std::string text) {
  failpoint(Failpoint::frame_decoded);
  Delivery delivery;
  delivery.agent_id = std::move(frame.agent_id);
  delivery.agent_name = std::move(frame.agent);
  delivery.delivery_id = frame.seq == 0 ? ephemeral_id(frame) : std::move(frame.delivery_id);
  delivery.seq = frame.seq;
  delivery.payload = std::move(text);
  const std::string agent_id = delivery.agent_id;
  const std::string name = delivery.agent_name;
  const Verdict verdict = deliveries_.deliver(std::move(delivery));
  if (verdict == Verdict::identity_rejected || verdict == Verdict::retired) {
    correct(verdict, agent_id, name);
  }
}

void NodeConversation::take(wire::ActionInvoke frame) {
  const bool takes_new = !inventory_owed_ || clock_.now() < *inventory_owed_ + kPutOffAtMost;
  switch (outbox_.invoked(frame.invocation_id, takes_new)) {
    case InvokeVerdict::run:
      running_[frame.invocation_id] = clock_.now();
      handler_.invoked(std::move(frame));
      break;
    case InvokeVerdict::in_flight: running_[frame.invocation_id] = clock_.now(); break;
    case InvokeVerdict::answer_again:
      outbox_.answer_again(frame.invocation_id);
      flush();
      break;
    case InvokeVerdict::busy: {
      // The engine then asks another node.
      wire::ActionResult refusal;
      refusal.invocation_id = frame.invocation_id;
      refusal.outcome = std::string(wire::kHandlerUnavailable);
      (void)send(refusal);
      note(NoteLevel::warning, takes_new
                                   ? "an action was refused: too many are unfinished"
                                   : "an action was refused: the engine has to hear first which "
                                     "agents are here");
      break;
    }
  }
}

void NodeConversation::take(const wire::Reply& reply) {
  if (reply.id == register_id_) return accept();
  if (const auto question = question_of(reply.id)) {
    liveness_.answered(clock_.now(), *question);
    return accept();
  }
  if (questions_.received(reply)) return;
  // Some engines do not keep the id of an inventory.
  if (wire::decode_body<wire::InventorySynced>(reply.data.text(), wire::kEngineLimits)) {
    liveness_.answered(clock_.now(), std::numeric_limits<std::uint64_t>::max());
    return accept();
  }
  note(NoteLevel::debug, "a reply to nobody: " + printable(reply.id));
}

bool NodeConversation::take(const wire::ErrorFrame& error) {
  ++counters_.engine_errors;
  const Error refusal = engine_refusal(error);
  const int status = node_refusal(error.code);
  if (error.id == register_id_ || (!accepted_ && status != 0)) {
    because_ = refusal;
    refusal_status_ = status;
    note(NoteLevel::error, "node.register: " + refusal.message);
    return true;
  }
  if (const auto question = question_of(error.id)) {
    liveness_.answered(clock_.now(), *question);
    note(NoteLevel::error, "inventory.sync: " + refusal.message);
    return false;
  }
  if (!questions_.received(error)) note(NoteLevel::warning, refusal.message);
  return false;
}

void NodeConversation::accept() {
  if (accepted_) return;
  accepted_ = true;
  hooks_.accepted();
}

// What we say

Result<void> NodeConversation::send(const wire::NodeFrame& frame) {
  if (link_ == nullptr) return fail(Code::node_not_ready, "there is no connection to the engine");
  return link_->send(wire::encode(frame));
}

void NodeConversation::send_register(std::string id) {
  wire::NodeRegister frame;
  frame.id = std::move(id);
  frame.name = token_.node_name.empty() ? options_.node_name : token_.node_name;
  frame.node_id = token_.node_id;
  frame.capabilities = manifest_.advertised();
  frame.max_agents = manifest_.max_agents;
  frame.tags = manifest_.tags;
  frame.version = manifest_.version;
  (void)send(frame);
}

/// Asks for an answer, and for all that is not acknowledged: with the inventory, unless that would
/// take a running action away from us.
void NodeConversation::ask(std::uint64_t question) {
  std::string id = std::string(kQuestionId) + std::to_string(question);
  wire::InventorySync frame;
  frame.agents = handler_.inventory();
  if (!may_list(frame.agents)) {
    if (!inventory_owed_) inventory_owed_ = clock_.now();
    send_register(std::move(id));
    if (!handler_.load().handlers_live) send_heartbeat();
    return;
  }
  inventory_owed_.reset();
  deliveries_.listed(frame.agents);
  frame.id = std::move(id);
  (void)send(frame);
}

/// The engine gives every action that it sent us and that an inventory does not name to another
/// node. After 30 s without a result it does so anyway.
bool NodeConversation::may_list(const std::vector<wire::InventoryEntry>& agents) const {
  for (const auto& [id, since] : running_) {
    if (clock_.now() >= since + kEngineWaits) continue;
    const bool named = std::any_of(
        agents.begin(), agents.end(),
        [&invocation = id](const auto& agent) { return agent.invocation_id == invocation; });
    if (!named) return false;
  }
  return true;
}

void NodeConversation::send_heartbeat() {
  const NodeLoad load = handler_.load();
  wire::NodeHeartbeat frame;
  frame.name = token_.node_name.empty() ? options_.node_name : token_.node_name;
  frame.node_id = token_.node_id;
  frame.capabilities = manifest_.advertised();
  frame.max_agents = manifest_.max_agents;
  frame.version = manifest_.version;
  frame.load = std::clamp(load.load, 0.0, 1.0);
  frame.active_agents = load.active_agents;
  frame.handlers_live = load.handlers_live;
  (void)send(frame);
}

/// Writes results, then acks. What the socket does not take stays in the outbox.
void NodeConversation::flush() {
  if (link_ == nullptr) return;
  write_again_.reset();
  bool full = false;
  for (const auto& result : outbox_.results_to_send()) {
    const auto sent = link_->send(result.frame);
    full = !sent;
    if (full) break;
    outbox_.written(clock_.now(), result.invocation_id);
  }
  for (auto& ack : outbox_.take_acks()) {
    wire::DeliveryAck frame;
    frame.agent = ack.agent_name;
    frame.up_to_seq = ack.up_to_seq;
    failpoint(Failpoint::before_ack);
    if (!full && send(frame)) {
      failpoint(Failpoint::ack_sent);
      continue;
    }
    full = true;
    outbox_.ack(ack);
  }
  if (!full) return;
  write_again_ = clock_.now() + kWriteAgain;
  hooks_.wake();
}

void NodeConversation::follow(const Liveness::Steps& steps) {
  for (const auto& step : steps) {
    switch (step.action) {
      case LivenessAction::heartbeat: send_heartbeat(); break;
      case LivenessAction::ping:
        if (link_ != nullptr) link_->ping();
        break;
      case LivenessAction::inventory: ask(step.question); break;
      case LivenessAction::drop: drop(step.because); break;
    }
  }
  if (!steps.empty()) hooks_.wake();
}

void NodeConversation::drop(DeadBecause because) {
  if (link_ == nullptr) return;
  std::string_view what = "nothing came, not even a pong";
  if (because == DeadBecause::no_answer) what = "the engine did not answer a question in time";
  if (because == DeadBecause::silent) what = "the engine was silent";
  because_ = Error(Code::timeout, fmt::format("the connection was dropped: {}", what));
  link_->abort();
}

void NodeConversation::on_time() {
  if (link_ != nullptr) {
    if (link_->last_heard() != link_heard_) {
      link_heard_ = link_->last_heard();
      liveness_.received(clock_.now(), false);
    }
    follow(liveness_.on_time(clock_.now()));
    if (write_again_ && clock_.now() >= *write_again_) flush();
  }
  questions_.on_time();
  deliveries_.on_time();
  for (auto& id : outbox_.settled(clock_.now())) handler_.result_settled(std::move(id));
}

std::optional<Monotonic> NodeConversation::next_deadline() const {
  std::optional<Monotonic> first;
  for (const auto& at : {liveness_.next_deadline(), questions_.next_deadline(),
                         deliveries_.next_deadline(), write_again_}) {
    if (at && (!first || *at < *first)) first = at;
  }
  return first;
}

void NodeConversation::inventory_changed() {
  if (link_ != nullptr) follow(liveness_.sync_now(clock_.now()));
}

void NodeConversation::load_changed() {
  if (link_ != nullptr) follow(liveness_.heartbeat_now(clock_.now()));
}

void NodeConversation::set_manifest(NodeManifest manifest) {
  manifest_ = std::move(manifest);
  if (link_ != nullptr) send_register("node_register_" + uuid_v4(random_));
}

void NodeConversation::fill(NodeStatus& status) const {
  const std::uint64_t tries = status.counters.tries;
  status.counters = counters_;
  status.counters.tries = tries;
  status.counters.connections += accepted_ ? 1 : 0;
  status.counters.frames_left = deliveries_.left();
  if (link_ != nullptr) status.counters.bad_frames += link_->binary_frames();
  status.connected = accepted_;
  status.store_error = deliveries_.store_error();
  status.deliveries = deliveries_.book().counters();
  status.agents = deliveries_.book().agents();
  status.open_questions = questions_.open();
  status.unsent_results = outbox_.unsent();
}

}  // namespace relay::node_control
