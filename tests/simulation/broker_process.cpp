// The connection of a simulated broker and its delivery book.
#include "simulation/broker_process.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "node_control/recent_marks.hpp"
#include "simulation/world.hpp"

namespace relay::simulation {

using node_control::FrameKind;
using node_control::Verdict;
using namespace std::chrono_literals;

namespace {

constexpr Duration kEngineWaits = 30s;
constexpr Duration kPutOffAtMost = 5s;
constexpr Duration kWriteAgain = 100ms;
constexpr Duration kStoreRetry = 1s;
constexpr std::string_view kQuestionId = "question_";

std::optional<std::uint64_t> number_of_question(std::string_view id) {
  if (!id.starts_with(kQuestionId)) return std::nullopt;
  return std::stoull(std::string(id.substr(kQuestionId.size())));
}

}  // namespace

BrokerProcess::BrokerProcess(BrokerMachine& machine)
    : machine_(machine),
      world_(machine.world()),
      dice_(world_.dice),
      life_(world_.timeline, &machine.time()),
      disk_(life_, world_.dice),
      liveness_(world_.options.liveness),
      policy_(world_.dice.random(), false),
      clerk_(outbox_, world_.options.mailbox) {
  auto& journal = machine_.journal();
  clerk_.restore(journal.load(), life_.now());
  // Programs of agents that it knows are adopted, others are ended.
  const auto stored = journal.agents;
  std::vector<std::string> strays;
  for (const auto& [generation, program] : machine_.programs()) {
    const auto known = stored.find(program->name());
    const bool wanted =
        known != stored.end() && known->second.generation == generation && !program->ended();
    if (wanted) {
      attend(program->name(), known->second.agent_id, *program);
    } else {
      strays.push_back(generation);
    }
  }
  for (const auto& generation : strays) machine_.end_program(generation);
  for (const auto& [name, agent] : stored) {
    if (!roster_.contains(name)) journal.remove_agent(name);
  }
  auto open = journal.open_messages();
  if (world_.options.keeps_typing) machine_.marks().recall(open);
  for (auto& message : open) restore(std::move(message));
  for (const auto& result : journal.results) {
    outbox_.restored(result.invocation_id, result.frame);
  }
  life_.after(dice_.between(0ms, 20ms), [this] { connect(); });
}

BrokerProcess::~BrokerProcess() {
  for (auto& [name, agent] : roster_) {
    if (agent->program != nullptr) agent->program->unwatch();
  }
  if (link_) link_->close(Link::node);
}

void BrokerProcess::log(const std::string& what) const {
  world_.log([&] { return machine_.name() + ": " + what; });
}

void BrokerProcess::job(std::function<void()> apply, std::function<void(Result<void>)> answer) {
  disk_.run({std::move(apply), std::move(answer)});
}

// The connection

void BrokerProcess::connect() {
  life_.after(dice_.between(1ms, 60ms), [this] {
    auto link = std::make_shared<Link>(world_.timeline, dice_, dice_.between(50us, 20ms));
    if (!machine_.is_isolated() && world_.engine.accept(link, machine_.node())) {
      return begin(std::move(link));
    }
    node_control::ConnectFailure failure;
    failure.reason = "nobody listens";
    life_.after(policy_.failed(failure).wait, [this] { connect(); });
  });
}

void BrokerProcess::begin(LinkPtr link) {
  log("connected");
  link_ = std::move(link);
  Link::Ears ears;
  ears.parcel = [this, link = link_.get()](const Parcel& parcel) {
    life_.soon([this, link, parcel] {
      if (link_.get() == link) hear(parcel);
    });
  };
  ears.closed = [this, link = link_.get()] {
    life_.soon([this, link] {
      if (link_.get() == link) lost();
    });
  };
  heard_ = life_.now();
  link_->listen(Link::node, life_, std::move(ears));
  accepted_ = false;
  corrected_.clear();
  write_again_.reset();
  register_id_ = "node_register_" + std::to_string(++ids_);
  send_register(register_id_);
  flush();
  follow(liveness_.connected(life_.now()));
  clerk_.connected(life_.now());
  work();
  wake();
}

void BrokerProcess::lost() {
  log("lost its connection");
  check_liveness();
  link_->close(Link::node);
  link_.reset();
  const bool was_accepted = std::exchange(accepted_, false);
  running_.clear();
  liveness_.disconnected();
  for (const auto& action : questions_.disconnected()) {
    if (const auto* give_up = std::get_if<node_control::GiveUp>(&action)) {
      answered(give_up->id, std::nullopt);
    }
  }
  outbox_.disconnected(life_.now());
  clerk_.disconnected();
  const auto next =
      was_accepted ? policy_.lost(life_.now()) : policy_.failed(node_control::ConnectFailure());
  life_.after(next.wait, [this] { connect(); });
}

void BrokerProcess::hear(Parcel parcel) {
  if (std::holds_alternative<Pong>(parcel)) {
    liveness_.received(life_.now(), false);
    return;
  }
  auto* text = std::get_if<std::string>(&parcel);
  if (text == nullptr) return;
  heard_ = life_.now();
  liveness_.received(life_.now(), true);
  auto frame = wire::decode_engine_frame(*text);
  world_.expect(frame.has_value(), "the engine has sent what is no frame");
  if (!frame) return;
  if (auto* delivery = std::get_if<wire::Deliver>(&*frame)) {
    take(std::move(*delivery), std::move(*text));
  } else if (auto* action = std::get_if<wire::ActionInvoke>(&*frame)) {
    take(std::move(*action));
  } else if (const auto* reply = std::get_if<wire::Reply>(&*frame)) {
    take(*reply);
  } else if (const auto* error = std::get_if<wire::ErrorFrame>(&*frame)) {
    take(*error);
  }
  wake();
}

void BrokerProcess::take(wire::Deliver frame, std::string text) {
  node_control::Delivery delivery;
  delivery.agent_id = frame.agent_id;
  delivery.agent_name = frame.agent;
  delivery.delivery_id = frame.delivery_id;
  delivery.seq = frame.seq;
  delivery.payload = std::move(text);
  const Verdict verdict = clerk_.deliver(life_.now(), std::move(delivery));
  const Resident* agent = by_id(frame.agent_id);
  world_.expect(verdict != Verdict::unknown_agent || agent == nullptr || !agent->takes_messages(),
                frame.agent + " runs, and a message for it is one for nobody");
  world_.log([&] {
    return machine_.name() + ": got " + frame.agent + " " + std::to_string(frame.seq) +
           ", verdict " + std::to_string(static_cast<int>(verdict));
  });
  work();
  if (verdict == Verdict::identity_rejected || verdict == Verdict::retired) {
    correct(verdict, frame.agent_id, frame.agent);
  }
}

void BrokerProcess::take(wire::ActionInvoke frame) {
  const std::string id = frame.invocation_id;
  const bool takes_new = !inventory_owed_ || life_.now() < *inventory_owed_ + kPutOffAtMost;
  switch (outbox_.invoked(id, takes_new)) {
    case node_control::InvokeVerdict::run: break;
    case node_control::InvokeVerdict::in_flight: running_[id] = life_.now(); return;
    case node_control::InvokeVerdict::answer_again: outbox_.answer_again(id); return flush();
    case node_control::InvokeVerdict::busy: {
      wire::ActionResult refusal;
      refusal.invocation_id = id;
      refusal.outcome = std::string(wire::kHandlerUnavailable);
      send(std::move(refusal));
      return;
    }
  }
  log("does " + id + " " + frame.action);
  world_.expect(doing_.insert(id).second, machine_.name() + " does " + id + " twice at once");
  running_[id] = life_.now();
  const auto input = wire::JsonDocument::parse(frame.input.text(), wire::kEngineLimits);
  const auto named = input ? input->root().find("name") : std::nullopt;
  const std::string name = named ? std::string(named->string().value_or("")) : std::string();
  if (frame.action.starts_with("spawn")) return spawn(id, name);
  if (frame.action == "release") return release(id, name);
  if (world_.faulty() && dice_.chance(0.1)) return finish(id, std::string("handler_unavailable"));
  const Duration takes = dice_.chance(0.15) ? dice_.between(20s, 70s) : dice_.between(1ms, 2s);
  life_.after(takes, [this, id] { give_result(id, wire::Json()); });
}

void BrokerProcess::take(const wire::Reply& reply) {
  if (reply.id == register_id_) return accept();
  if (const auto question = number_of_question(reply.id)) {
    liveness_.answered(life_.now(), *question);
    return accept();
  }
  node_control::ReplyFrame frame;
  frame.id = reply.id;
  frame.ok = true;
  const auto data =
      wire::decode_body<wire::AgentRegistered>(reply.data.text(), wire::kEngineLimits);
  if (!data) return;
  frame.agent_id = data->agent_id;
  frame.agent_name = data->name.value_or(std::string());
  for (const auto& action : questions_.received(frame)) {
    if (const auto* answer = std::get_if<node_control::Answer>(&action)) {
      answered(answer->id, *data);
    } else if (const auto* late = std::get_if<node_control::Compensate>(&action)) {
      wire::AgentDeregister undo;
      undo.id = late->id;
      undo.agent_id = late->agent_id;
      undo.name = late->agent_name;
      send(undo);
    }
  }
}

void BrokerProcess::take(const wire::ErrorFrame& error) {
  log("error " + error.id + " " + error.code);
  if (error.id == register_id_) {
    if (link_) lost();
    return;
  }
  if (const auto question = number_of_question(error.id)) {
    liveness_.answered(life_.now(), *question);
    return;
  }
  node_control::ReplyFrame frame;
  frame.id = error.id;
  frame.code = error.code;
  for (const auto& action : questions_.received(frame)) {
    if (const auto* answer = std::get_if<node_control::Answer>(&action)) {
      answered(answer->id, std::nullopt);
    }
  }
}

void BrokerProcess::accept() {
  if (std::exchange(accepted_, true)) return;
  policy_.established(life_.now());
}

bool BrokerProcess::send(wire::NodeFrame frame) {
  return link_ != nullptr && link_->send(Link::node, std::move(frame));
}

void BrokerProcess::send_register(std::string id) {
  wire::NodeRegister frame;
  frame.id = std::move(id);
  frame.name = machine_.name();
  frame.node_id = "node_" + std::to_string(machine_.node());
  frame.capabilities = world_.capabilities();
  frame.max_agents = world_.options.max_agents;
  send(std::move(frame));
}

void BrokerProcess::send_heartbeat() {
  wire::NodeHeartbeat frame;
  frame.capabilities = world_.capabilities();
  frame.max_agents = world_.options.max_agents;
  frame.active_agents = static_cast<std::uint32_t>(inventory().size());
  frame.handlers_live = true;
  send(std::move(frame));
}

std::vector<wire::InventoryEntry> BrokerProcess::inventory() const {
  std::vector<wire::InventoryEntry> out;
  for (const auto& [name, agent] : roster_) {
    if (agent->leaving) continue;
    wire::InventoryEntry entry;
    entry.agent_id = agent->id;
    entry.name = name;
    out.push_back(std::move(entry));
  }
  return out;
}

void BrokerProcess::ask(std::uint64_t question) {
  std::string id = std::string(kQuestionId) + std::to_string(question);
  if (!may_list()) {
    if (!inventory_owed_) inventory_owed_ = life_.now();
    return send_register(std::move(id));
  }
  inventory_owed_.reset();
  wire::InventorySync frame;
  frame.agents = inventory();
  clerk_.listed(life_.now(), frame.agents);
  work();
  frame.id = std::move(id);
  send(std::move(frame));
}

bool BrokerProcess::may_list() const {
  return std::none_of(running_.begin(), running_.end(), [this](const auto& each) {
    return life_.now() < each.second + kEngineWaits;
  });
}

void BrokerProcess::flush() {
  if (link_ == nullptr) return;
  write_again_.reset();
  bool full = false;
  for (const auto& result : outbox_.results_to_send()) {
    auto frame = wire::decode_node_frame(result.frame);
    full = !send(*std::move(frame));
    if (full) break;
    outbox_.written(life_.now(), result.invocation_id);
  }
  for (auto& ack : outbox_.take_acks()) {
    wire::DeliveryAck frame;
    frame.agent = ack.agent_name;
    frame.up_to_seq = ack.up_to_seq;
    if (!full && send(frame)) continue;
    full = true;
    outbox_.ack(ack);
  }
  if (!full) return;
  write_again_ = life_.now() + kWriteAgain;
  wake();
}

void BrokerProcess::follow(const node_control::Liveness::Steps& steps) {
  for (const auto& step : steps) {
    switch (step.action) {
      case node_control::LivenessAction::heartbeat:
        check_liveness();
        send_heartbeat();
        break;
      case node_control::LivenessAction::ping:
        if (link_ != nullptr) link_->send(Link::node, Ping());
        break;
      case node_control::LivenessAction::inventory: ask(step.question); break;
      case node_control::LivenessAction::drop:
        if (link_ != nullptr) lost();
        break;
    }
  }
  if (!steps.empty()) wake();
}

void BrokerProcess::on_time() {
  if (link_ != nullptr) {
    follow(liveness_.on_time(life_.now()));
    if (write_again_ && life_.now() >= *write_again_) flush();
  }
  for (const auto& action : questions_.on_time(life_.now())) {
    if (const auto* give_up = std::get_if<node_control::GiveUp>(&action)) {
      answered(give_up->id, std::nullopt);
    }
  }
  clerk_.on_time(life_.now());
  work();
  for (const auto& id : outbox_.settled(life_.now())) {
    job(
        [this, id] {
          std::erase_if(machine_.journal().results,
                        [&](const auto& each) { return each.invocation_id == id; });
        },
        [](const Result<void>&) {});
  }
}

/// An engine that is silent is noticed in time, whatever answers pings in its place.
void BrokerProcess::check_liveness() const {
  const Monotonic since = std::max(heard_, life_.stopped_until());
  world_.expect(life_.now() <= since + world_.options.liveness.answer_within + 1s,
                machine_.name() + " held on to a connection with a silent engine");
}

/// A deadline may have come nearer.
void BrokerProcess::wake() {
  std::optional<Monotonic> first;
  for (const auto& at : {liveness_.next_deadline(), questions_.next_deadline(),
                         clerk_.book().next_deadline(), write_again_}) {
    if (at && (!first || *at < *first)) first = at;
  }
  if (!first) return;
  const Monotonic when = std::max(*first, life_.now() + 1ms);
  if (alarm_ && *alarm_ <= when && *alarm_ > life_.now()) return;
  alarm_ = when;
  life_.at(when, [this, when] {
    if (alarm_ != when) return;
    alarm_.reset();
    on_time();
    wake();
  });
}

void BrokerProcess::correct(Verdict verdict, const std::string& id, const std::string& name) {
  if (!corrected_.insert(id).second) return;
  const auto ours = roster_.find(name);
  if (verdict == Verdict::retired || ours == roster_.end() || ours->second->leaving) {
    wire::AgentDeregister frame;
    frame.agent_id = id;
    send(std::move(frame));
    return;
  }
  const std::string before = ours->second->id;
  ask_registration(name, {}, true,
                   [this, name, before](const std::optional<wire::AgentRegistered>& now) {
                     if (!now) return;
                     if (before != now->agent_id) released(before);
                     registered(now->agent_id, name, now->delivery_ack_seq);
                     const auto agent = roster_.find(name);
                     if (agent != roster_.end()) agent->second->id = now->agent_id;
                     inventory_changed();
                   });
}

// The delivery book: its state is on disk before its actions are done.

void BrokerProcess::work() {
  wake();
  if (working_ || !clerk_.has_work()) return;
  working_ = true;
  life_.after(0us, [this] {
    const auto change = clerk_.begin_save();
    for (const auto& action : change->actions) {
      const auto* surface = std::get_if<node_control::Surface>(&action);
      if (surface != nullptr && surface->late) world_.out_of_order(surface->delivery.payload);
    }
    job([this, change] { machine_.journal().save(*change); },
        [this, change](const Result<void>& saved) {
          if (!saved) {
            store_failed_ = true;
            clerk_.not_saved(*change);
            life_.after(kStoreRetry, [this] {
              working_ = false;
              work();
            });
            return;
          }
          working_ = false;
          if (std::exchange(store_failed_, false)) inventory_changed();
          clerk_.saved();
          for (const auto& action : change->actions) perform(action);
          clerk_.performed();
          flush();
          work();
        });
  });
}

void BrokerProcess::perform(const node_control::DeliveryAction& action) {
  clerk_.perform(action);
  if (const auto* surface = std::get_if<node_control::Surface>(&action)) {
    surfaced(surface->delivery);
  } else if (const auto* letter = std::get_if<node_control::DeadLetter>(&action)) {
    world_.expect(letter->reason == node_control::DeadReason::unknown_agent,
                  "the book has buried what nobody has given back");
  } else if (std::holds_alternative<node_control::Resync>(action)) {
    inventory_changed();
  } else if (std::holds_alternative<node_control::Renumbered>(action)) {
    world_.expect(false, "the book believes that the engine counts anew, which it never does");
  } else if (const auto* skipped = std::get_if<node_control::Skipped>(&action)) {
    log("skips " + skipped->agent_name + " " + std::to_string(skipped->first));
  }
}

void BrokerProcess::registered(const std::string& id, const std::string& name,
                               std::optional<std::uint64_t> acked) {
  clerk_.registered(life_.now(), id, name, acked);
  work();
}

void BrokerProcess::released(const std::string& id) {
  clerk_.released(id);
  work();
}

std::string BrokerProcess::debug() const {
  std::string out = machine_.name() + (accepted_ ? " accepted" : " not accepted");
  for (const auto& [name, agent] : roster_) {
    out += "; " + name + " mailbox " + std::to_string(agent->mailbox.size()) + " typing " +
           std::to_string(agent->typing.size()) + " feeding " +
           std::to_string(static_cast<int>(agent->feeding)) + " cursor " +
           std::to_string(clerk_.book().cursor_of(agent->id).value_or(0)) + " waits " +
           std::string(agent->session ? agent->session->waits_for() : "") +
           (agent->leaving ? " leaving" : "") + (agent->ended ? " ended" : "");
  }
  return out + "; pending " + std::to_string(clerk_.pending()) + " ends " +
         std::to_string(ends_.size());
}

}  // namespace relay::simulation
