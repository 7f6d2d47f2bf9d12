#include "engine/hub/node_operations.hpp"

#include <algorithm>
#include <utility>

#include "base/json_writer.hpp"
#include "engine/digest.hpp"
#include "engine/dispatch.hpp"
#include "engine/event_log.hpp"
#include "engine/events.hpp"
#include "engine/hub/released.hpp"
#include "engine/refusal.hpp"
#include "engine/subscribers.hpp"
#include "engine/views.hpp"
#include "wire/engine_frames.hpp"
#include "wire/rest_nodes.hpp"

namespace relay::engine {
namespace {

constexpr const char* kInvocationPrefix = "inv_";

Result<Outcome> begin(const Store& store, Id workspace) {
  Outcome outcome;
  outcome.happenings.emplace_back().workspace = workspace;
  outcome.at = store.now();
  return outcome;
}

std::vector<NodeCapability> stored(const std::vector<wire::Capability>& capabilities) {
  std::vector<NodeCapability> all;
  for (const auto& each : capabilities) {
    NodeCapability& capability = all.emplace_back();
    capability.name = each.name;
    capability.kind = each.kind.value_or(std::string());
    if (each.metadata) capability.metadata = each.metadata->text();
  }
  return all;
}

Located located(const Agent& agent) {
  Located at;
  at.agent = agent.id;
  at.name = agent.name;
  at.node = agent.node;
  return at;
}

Result<void> check_id(const Node& known, const std::optional<std::string>& node_id) {
  if (!node_id || *node_id == known.node_id) return {};
  return refuse(Refusal::node_id_mismatch,
                "this connection is node " + known.node_id + ", not " + *node_id);
}

Result<void> start_what_waits(Store& store, Id node, Happenings& to) {
  auto started = start_waiting(store, node);
  if (!started) return fail(std::move(started).error());
  tell_dispatched(*started, to);
  return {};
}

/// They are at work.
Result<void> wake_agents(Store& store, const std::vector<Agent>& agents, Happenings& to) {
  for (Agent agent : agents) {
    auto woken = store.touch_agent(agent.id);
    if (!woken) return fail(std::move(woken).error());
    agent.status = AgentStatus::active;
    if (*woken) tell_status(agent, to);
  }
  return {};
}

Result<Outcome> claim(Store& store, const NodeCaller& caller, AgentClaim claim,
                      const Secret& token) {
  claim.node = caller.node;
  claim.token_hash = sha256_hex(token.reveal());
  auto on = store.node(caller.node);
  if (!on) return fail(std::move(on).error());
  auto before = store.find_agent(on->workspace, claim.name);
  auto agent = store.claim_agent(claim);
  if (!agent) return fail(std::move(agent).error());
  const auto spawn = parse_id(claim.invocation_id.value_or(std::string()), kInvocationPrefix);
  if (spawn) {
    auto taken = take_place(store, caller.node, *spawn);
    if (!taken) return fail(std::move(taken).error());
  }
  auto outcome = begin(store, agent->workspace);
  auto& happenings = outcome->happenings.front();
  if (!before || before->status != AgentStatus::active) tell_status(*agent, happenings);
  wire::AgentRegistered data;
  data.agent_id = std::to_string(agent->id);
  data.token = token.reveal();
  data.name = agent->name;
  if (caller.has_cursors) {
    auto mailbox = store.mailbox(agent->id);
    if (!mailbox) return fail(std::move(mailbox).error());
    data.delivery_ack_seq = mailbox->acked_seq;
  }
  outcome->reply = wire::to_json(data);
  outcome->here.push_back(located(*agent));
  outcome->fresh = true;
  return outcome;
}

std::string synced_output(const wire::InventoryEntry& entry) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("agent_id", entry.agent_id);
  out.field("name", entry.name);
  out.field("invocation_id", *entry.invocation_id);
  out.key("session_ref");
  if (entry.session_ref) {
    out.value(*entry.session_ref);
  } else {
    out.null();
  }
  out.end_object();
  out.finish();
  return json;
}

/// An answer that counts: its end is told, or who has it now.
Result<bool> take_answer(Store& store, Id node, Id invocation, const std::string& output,
                         const std::optional<std::string>& error, Outcome& outcome) {
  auto answered = take_result(store, node, invocation, output, error);
  if (!answered) return fail(std::move(answered).error());
  if (!*answered) return false;
  const auto& told = (*answered)->invocation;
  auto& happenings = outcome.happenings.front();
  if ((*answered)->passed_on) {
    tell_dispatched({told}, happenings);
    return true;
  }
  auto released = finish_release(store, told, outcome);
  if (!released) return fail(std::move(released).error());
  tell_ended(told, happenings);
  return true;
}

/// Its open ones that it need not name: it got them on this connection, or waits for them.
std::vector<Id> still_its_own(const std::vector<Invocation>& open, Wall registered) {
  // Times are stored in milliseconds.
  const Wall since = std::chrono::floor<std::chrono::milliseconds>(registered);
  std::vector<Id> ids;
  for (const auto& each : open) {
    if (!each.dispatched || *each.dispatched >= since) ids.push_back(each.id);
  }
  return ids;
}

/// As an agent.register and an agent.recover say it.
template <class Frame>
AgentClaim claim_in(const Frame& frame) {
  AgentClaim asked;
  asked.name = frame.name;
  asked.invocation_id = frame.invocation_id;
  asked.session_ref = frame.session_ref;
  asked.resumable = frame.resumable.value_or(false);
  return asked;
}

}  // namespace

OutcomeWork with_subscribers(OutcomeWork work) {
  return [work = std::move(work)](Store& store) -> Result<Outcome> {
    auto outcome = work(store);
    if (!outcome) return outcome;
    for (auto& happenings : outcome->happenings) {
      auto logged = log_events(store, happenings);
      if (!logged) return fail(std::move(logged).error());
      auto queued = queue_for_subscribers(store, happenings);
      if (!queued) return fail(std::move(queued).error());
      outcome->is_outbound = outcome->is_outbound || queued->any;
      auto& full = outcome->full_outboxes;
      full.insert(full.end(), queued->full.begin(), queued->full.end());
    }
    return outcome;
  };
}

bool wants_cursors(const wire::NodeRegister& frame) {
  return std::any_of(frame.capabilities.begin(), frame.capabilities.end(),
                     [](const auto& each) { return each.name == kCursorCapability; });
}

namespace {

/// A provider goes on only when all that it offers is acknowledged by name.
wire::Json with_acceptance(const wire::Json& entry, const wire::NodeRegister& frame) {
  const auto document = wire::JsonDocument::parse(entry.text(), wire::kEngineLimits);
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    const auto members = document->root().members();
    for (const auto& member : members) {
      out.key(member.key);
      out.raw(member.value.json().text());
    }
    out.key("provider");
    out.begin_object();
    out.field("name", frame.provider->name);
    out.field("instance_id", frame.provider->instance_id);
    out.end_object();
    out.key("accepted_capabilities");
    out.begin_array();
    for (const auto& capability : frame.capabilities) {
      out.begin_object();
      out.field("name", capability.name);
      out.field("accepted", true);
      out.end_object();
    }
    out.end_array();
    out.end_object();
  });
}

}  // namespace

Result<Outcome> register_node(Store& store, Id node, const wire::NodeRegister& frame) {
  auto known = store.node(node);
  if (!known) return fail(std::move(known).error());
  auto same = check_id(*known, frame.node_id);
  if (!same) return fail(std::move(same).error());
  const bool is_direct = known->role == NodeRole::direct;
  NodeManifest manifest;
  manifest.tags = frame.tags;
  manifest.version = frame.version;
  // A client's own node has one agent and does nothing for others, whatever it says.
  if (!is_direct) {
    manifest.max_agents = frame.max_agents;
    manifest.capabilities = stored(frame.capabilities);
  }
  auto connected = store.node_connected(node, manifest);
  if (!connected) return fail(std::move(connected).error());
  auto outcome = begin(store, known->workspace);
  auto& happenings = outcome->happenings.front();
  auto agents = store.agents_on(node);
  if (!agents) return fail(std::move(agents).error());
  if (is_direct) {
    auto woken = wake_agents(store, *agents, happenings);
    if (!woken) return fail(std::move(woken).error());
  }
  for (const auto& agent : *agents) {
    const bool is_lost = agent.status == AgentStatus::offline;
    if (!is_direct && wants_cursors(frame)) continue;
    auto& to = is_direct || !is_lost ? outcome->here : outcome->doubted;
    to.push_back(located(agent));
  }
  auto started = start_what_waits(store, node, happenings);
  if (!started) return fail(std::move(started).error());
  outcome->reply = wire::to_json(node_view(*connected, store.now()));
  if (frame.provider) outcome->reply = with_acceptance(*outcome->reply, frame);
  return outcome;
}

Result<Outcome> heartbeat(Store& store, Id node, const wire::NodeHeartbeat& frame,
                          const std::vector<Id>& agents) {
  auto known = store.node(node);
  if (!known) return fail(std::move(known).error());
  auto same = check_id(*known, frame.node_id);
  if (!same) return fail(std::move(same).error());
  NodeBeat beat;
  beat.load = frame.load;
  beat.active_agents = frame.active_agents;
  beat.handlers_live = frame.handlers_live;
  beat.manifest.version = frame.version;
  if (known->role != NodeRole::direct) {
    beat.manifest.max_agents = frame.max_agents;
    if (frame.capabilities) beat.manifest.capabilities = stored(*frame.capabilities);
  }
  auto beaten = store.node_beat(node, beat);
  if (!beaten) return fail(std::move(beaten).error());
  auto outcome = begin(store, known->workspace);
  if (!known->online) {
    auto here = store.agents_on(node);
    if (!here) return fail(std::move(here).error());
    std::erase_if(*here, [&](const Agent& agent) {
      return std::find(agents.begin(), agents.end(), agent.id) == agents.end();
    });
    auto woken = wake_agents(store, *here, outcome->happenings.front());
    if (!woken) return fail(std::move(woken).error());
  }
  auto started = start_what_waits(store, node, outcome->happenings.front());
  if (!started) return fail(std::move(started).error());
  return outcome;
}

Result<Outcome> leave_node(Store& store, Id node) {
  auto known = store.node(node);
  if (!known) return fail(std::move(known).error());
  auto lost = lose_node(store, node);
  if (!lost) return fail(std::move(lost).error());
  auto outcome = begin(store, known->workspace);
  auto& happenings = outcome->happenings.front();
  tell_statuses(lost->agents, happenings);
  tell_moved(lost->invocations, happenings);
  for (const auto& agent : lost->agents) outcome->away.push_back(agent.id);
  return outcome;
}

Result<Outcome> register_agent_on(Store& store, const NodeCaller& caller,
                                  const wire::AgentRegister& frame, const Secret& token) {
  AgentClaim asked = claim_in(frame);
  asked.joins_general = frame.auto_join_general.value_or(true);
  return claim(store, caller, std::move(asked), token);
}

Result<Outcome> recover_agent_on(Store& store, const NodeCaller& caller,
                                 const wire::AgentRecover& frame, const Secret& token) {
  auto on = store.node(caller.node);
  if (!on) return fail(std::move(on).error());
  auto known = store.find_agent(on->workspace, frame.name);
  if (!known) return fail(std::move(known).error());
  if (std::to_string(known->id) != frame.expected_agent_id) {
    return refuse(Refusal::agent_not_found,
                  frame.name + " is another agent than " + frame.expected_agent_id);
  }
  return claim(store, caller, claim_in(frame), token);
}

Result<Outcome> deregister_agent(Store& store, const NodeCaller& caller,
                                 const wire::AgentDeregister& frame) {
  auto on = store.node(caller.node);
  if (!on) return fail(std::move(on).error());
  auto outcome = begin(store, on->workspace);
  const auto id = parse_id(frame.agent_id);
  if (!id) return outcome;
  auto agent = store.agent(*id);
  if (!agent && refusal_of(agent.error()) == Refusal::agent_not_found) return outcome;
  if (!agent) return fail(std::move(agent).error());
  if (agent->node != caller.node) return outcome;
  auto unbound = store.unbind_agent(*id, caller.node);
  if (!unbound) return fail(std::move(unbound).error());
  const bool was_offline = agent->status == AgentStatus::offline;
  AgentChange change;
  change.status = AgentStatus::offline;
  auto changed = store.change_agent(*id, change);
  if (!changed) return fail(std::move(changed).error());
  if (!was_offline) tell_status(*changed, outcome->happenings.front());
  outcome->away.push_back(*id);
  return outcome;
}

Result<Outcome> sync_node(Store& store, const NodeCaller& caller,
                          const wire::InventorySync& frame) {
  auto on = store.node(caller.node);
  if (!on) return fail(std::move(on).error());
  auto before = store.agents_on(caller.node);
  if (!before) return fail(std::move(before).error());
  auto outcome = begin(store, on->workspace);
  outcome->asks_again = caller.has_cursors;
  auto& happenings = outcome->happenings.front();

  std::vector<InventoryItem> items;
  for (const auto& entry : frame.agents) {
    InventoryItem& item = items.emplace_back();
    item.agent = parse_id(entry.agent_id).value_or(0);
    item.name = entry.name;
    item.session_ref = entry.session_ref;
  }
  auto synced = store.sync_inventory(caller.node, items);
  if (!synced) return fail(std::move(synced).error());
  if (synced->bound.empty() && !synced->rejected.empty()) {
    return refuse(Refusal::agent_location_conflict,
                  synced->rejected.front() + " is not an agent of this node");
  }
  for (const auto& agent : synced->bound) {
    outcome->here.push_back(located(agent));
    const bool was_active = std::any_of(before->begin(), before->end(), [&](const Agent& each) {
      return each.id == agent.id && each.status == AgentStatus::active;
    });
    if (!was_active) tell_status(agent, happenings);
  }
  for (const auto& agent : synced->gone) {
    outcome->away.push_back(agent.id);
    tell_status(agent, happenings);
  }

  wire::InventorySynced data;
  data.rebound_agents = static_cast<std::uint32_t>(synced->bound.size());
  for (const auto& entry : frame.agents) {
    const auto id = parse_id(entry.invocation_id.value_or(std::string()), kInvocationPrefix);
    if (!id) continue;
    auto taken = take_answer(store, caller.node, *id, synced_output(entry), std::nullopt, *outcome);
    if (!taken) return fail(std::move(taken).error());
    if (*taken) ++data.completed_invocations;
  }
  auto open = store.open_invocations(caller.node);
  if (!open) return fail(std::move(open).error());
  auto moved = take_from(store, caller.node, still_its_own(*open, caller.registered));
  if (!moved) return fail(std::move(moved).error());
  tell_moved(*moved, happenings);
  data.rescheduled_invocations = static_cast<std::uint32_t>(moved->size());
  data.open_invocations = static_cast<std::uint32_t>(open->size() - moved->size());
  outcome->reply = wire::to_json(data);
  return outcome;
}

Result<Outcome> take_action_result(Store& store, const NodeCaller& caller,
                                   const wire::ActionResult& frame) {
  auto on = store.node(caller.node);
  if (!on) return fail(std::move(on).error());
  auto outcome = begin(store, on->workspace);
  const auto id = parse_id(frame.invocation_id, kInvocationPrefix);
  if (!id) return outcome;
  const auto* output = std::get_if<wire::Json>(&frame.outcome);
  std::optional<std::string> error;
  if (output == nullptr) error = std::get<std::string>(frame.outcome);
  auto taken = take_answer(store, caller.node, *id, output != nullptr ? output->text() : "", error,
                           *outcome);
  if (!taken) return fail(std::move(taken).error());
  return outcome;
}

Result<Outcome> locate_agents(const Store& store, const std::vector<Id>& agents) {
  Outcome outcome;
  outcome.at = store.now();
  for (const Id id : agents) {
    auto agent = store.agent(id);
    if (!agent && refusal_of(agent.error()) == Refusal::agent_not_found) {
      outcome.gone.push_back(id);
      continue;
    }
    if (!agent) return fail(std::move(agent).error());
    auto node = store.node(agent->node);
    if (!node) return fail(std::move(node).error());
    if (node->role == NodeRole::direct || agent->status != AgentStatus::offline) {
      outcome.here.push_back(located(*agent));
    } else {
      outcome.away.push_back(id);
    }
  }
  return outcome;
}

}  // namespace relay::engine
