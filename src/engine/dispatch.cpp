#include "engine/dispatch.hpp"

#include <algorithm>
#include <utility>

#include "engine/names.hpp"
#include "engine/refusal.hpp"

namespace relay::engine {
namespace {

constexpr const char* kSelf = "self";
constexpr const char* kSpawn = "spawn";
constexpr const char* kRelease = "release";

Invocation invocation_of(const Call& call, std::string action, std::string capability) {
  Invocation fresh;
  fresh.workspace = call.workspace;
  fresh.action = std::move(action);
  fresh.capability = std::move(capability);
  fresh.caller = call.caller;
  fresh.caller_name = call.caller_name;
  fresh.input = call.input;
  return fresh;
}

/// A spawn takes a place on its node until it has ended; other actions take none.
bool takes_place(const Invocation& invocation) {
  return invocation.action == kSpawn;
}

/// To the first of these that has a place for it; false when none has.
Result<bool> send_to(Store& store, Invocation& invocation, const std::vector<Id>& nodes) {
  for (const Id node : nodes) {
    const bool with_place = takes_place(invocation);
    if (with_place) {
      auto place = store.reserve_place(node);
      if (!place) return fail(std::move(place).error());
      if (!*place) continue;
    }
    dispatch(invocation, node, with_place, store.now());
    return true;
  }
  return false;
}

Result<std::vector<Id>> able_nodes(const Store& store, const Invocation& invocation) {
  auto nodes = store.nodes_with(invocation.workspace, invocation.capability);
  if (!nodes) return fail(std::move(nodes).error());
  std::vector<Id> ids;
  const bool with_place = takes_place(invocation);
  for (const auto& node :
       ranked(*std::move(nodes), invocation.capability, with_place, store.now())) {
    ids.push_back(node.id);
  }
  return ids;
}

Result<void> give_back(Store& store, Freed freed) {
  if (freed.node == 0) return {};
  return store.give_place_back(freed.node);
}

/// The only node that may have it; given up when that is removed.
Result<void> ask_target(const Store& store, Invocation& invocation) {
  auto on = store.node(invocation.target);
  if (!on) {
    if (refusal_of(on.error()) != Refusal::node_not_found) return fail(std::move(on).error());
    give_up(invocation, "the node that was to do it is gone", store.now());
  } else if (is_live(*on, store.now())) {
    dispatch(invocation, on->id, false, store.now());
  } else {
    wait_for(invocation, on->id);
  }
  return {};
}

/// To the node of the agent that handles it, or it waits for that.
Result<void> ask_agent(const Store& store, Invocation& invocation) {
  auto handler = store.agent(invocation.handler_agent);
  if (!handler) return fail(std::move(handler).error());
  auto on = store.node(handler->node);
  if (!on) return fail(std::move(on).error());
  if (is_live(*on, store.now())) {
    dispatch(invocation, on->id, false, store.now());
    return {};
  }
  put_off(invocation, store.now());
  invocation.node = on->id;
  return {};
}

/// To another node, or it waits. One that has waited may go where it was before.
Result<void> run_again(Store& store, Invocation& invocation) {
  if (invocation.handler_agent != 0) {
    auto asked = ask_agent(store, invocation);
    if (!asked && refusal_of(asked.error()) == Refusal::agent_not_found) {
      give_up(invocation, "the agent that handles it is gone", store.now());
    } else if (!asked) {
      return asked;
    }
    return store.put_invocation(invocation);
  }
  const bool has_waited = invocation.state == InvocationState::pending;
  auto freed = give_back(store, take_back(invocation, store.now()));
  if (!freed) return freed;
  // A node need not offer to release what it runs.
  if (invocation.capability == kRelease && invocation.target != 0) {
    auto asked = ask_target(store, invocation);
    return asked ? store.put_invocation(invocation) : asked;
  }
  auto able = able_nodes(store, invocation);
  if (!able) return fail(std::move(able).error());
  auto sent = send_to(store, invocation, choices(invocation, *able, has_waited));
  if (!sent) return fail(std::move(sent).error());
  if (!*sent) put_off(invocation, store.now());
  return store.put_invocation(invocation);
}

Result<std::vector<Invocation>> run_all_again(Store& store, std::vector<Invocation> invocations) {
  for (auto& invocation : invocations) {
    auto again = run_again(store, invocation);
    if (!again) return fail(std::move(again).error());
  }
  return invocations;
}

Result<Node> target_of(const Store& store, const Spawn& spawn) {
  if (*spawn.target != kSelf) return store.find_node(spawn.workspace, *spawn.target);
  if (spawn.caller == 0) {
    return refuse(Refusal::placement_self_requires_agent, "\"self\" is the node of an agent");
  }
  auto caller = store.agent(spawn.caller);
  if (!caller) return fail(std::move(caller).error());
  auto node = store.node(caller->node);
  if (node && node->role == NodeRole::direct) {
    return refuse(Refusal::placement_self_unavailable,
                  spawn.caller_name + " runs on no node that could spawn");
  }
  return node;
}

}  // namespace

Result<Invocation> start_spawn(Store& store, const Spawn& spawn) {
  auto fresh = invocation_of(spawn, kSpawn, spawn_capability(spawn.capability));
  bool waits = false;
  std::vector<Id> nodes;
  if (spawn.target) {
    auto target = target_of(store, spawn);
    if (!target) return fail(std::move(target).error());
    auto verdict = judge_target(*target, fresh.capability, store.now());
    if (!verdict) return fail(std::move(verdict).error());
    waits = *verdict == TargetVerdict::wait;
    fresh.target = target->id;
    nodes.push_back(target->id);
  } else {
    auto able = able_nodes(store, fresh);
    if (!able) return fail(std::move(able).error());
    nodes = *std::move(able);
  }
  auto added = store.add_invocation(fresh);
  if (!added) return added;
  if (waits) {
    wait_for(*added, fresh.target);
  } else {
    auto sent = send_to(store, *added, nodes);
    if (!sent) return fail(std::move(sent).error());
    if (!*sent) {
      return refuse(Refusal::handler_unavailable,
                    "no node is there that offers " + fresh.capability + " and has room");
    }
  }
  auto put = store.put_invocation(*added);
  if (!put) return fail(std::move(put).error());
  return added;
}

Result<Invocation> start_release(Store& store, const Agent& agent, const Call& call) {
  auto on = store.node(agent.node);
  if (!on) return fail(std::move(on).error());
  if (on->role == NodeRole::direct) {
    return refuse(Refusal::agent_not_node_bound, agent.name + " runs on no node");
  }
  auto added = store.add_invocation(invocation_of(call, kRelease, kRelease));
  if (!added) return added;
  if (is_live(*on, store.now())) {
    added->target = on->id;
    dispatch(*added, on->id, false, store.now());
  } else {
    wait_for(*added, on->id);
  }
  auto put = store.put_invocation(*added);
  if (!put) return fail(std::move(put).error());
  return added;
}

Result<Invocation> start_action(Store& store, const Action& action, const Call& call) {
  const auto& only = action.available_to;
  if (only && std::find(only->begin(), only->end(), call.caller_name) == only->end()) {
    return refuse(Refusal::action_denied, "action " + action.name + " is not for this agent");
  }
  auto fresh = invocation_of(call, action.name, action.name);
  fresh.handler_agent = action.handler_agent;
  auto added = store.add_invocation(fresh);
  if (!added) return added;
  if (action.handler_agent != 0) {
    auto asked = ask_agent(store, *added);
    if (!asked) return fail(std::move(asked).error());
  } else {
    auto on = store.node(action.handler_node);
    if (!on) return fail(std::move(on).error());
    if (is_live(*on, store.now()) && on->handlers_live) {
      dispatch(*added, on->id, false, store.now());
    } else {
      put_off(*added, store.now());
      added->node = on->id;
    }
  }
  auto put = store.put_invocation(*added);
  if (!put) return fail(std::move(put).error());
  return added;
}

Result<std::optional<Answered>> take_result(Store& store, Id node, Id invocation,
                                            const std::string& output,
                                            const std::optional<std::string>& error) {
  auto known = store.invocation(invocation);
  if (!known) {
    if (refusal_of(known.error()) == Refusal::invocation_not_found) return std::nullopt;
    return fail(std::move(known).error());
  }
  Answered answered;
  answered.invocation = *std::move(known);
  const auto outcome = node_answered(answered.invocation, node, output, error, store.now());
  if (outcome.verdict == ResultVerdict::ignored) return std::nullopt;
  auto done = give_back(store, outcome.freed);
  if (!done) return fail(std::move(done).error());
  if (outcome.verdict == ResultVerdict::elsewhere) {
    answered.passed_on = true;
    done = store.set_handlers_live(node, false);
    if (!done) return fail(std::move(done).error());
    auto able = able_nodes(store, answered.invocation);
    if (!able) return fail(std::move(able).error());
    auto sent = send_to(store, answered.invocation, choices(answered.invocation, *able, false));
    if (!sent) return fail(std::move(sent).error());
    if (!*sent) put_off(answered.invocation, store.now());
  }
  done = store.put_invocation(answered.invocation);
  if (!done) return fail(std::move(done).error());
  return answered;
}

Result<std::vector<Invocation>> start_waiting(Store& store, Id node) {
  auto open = store.open_invocations(node);
  if (!open) return open;
  std::vector<Invocation> started;
  for (auto& invocation : *open) {
    if (invocation.state != InvocationState::pending) continue;
    auto sent = send_to(store, invocation, {node});
    if (!sent) return fail(std::move(sent).error());
    // No place is free: it comes again by its time.
    if (!*sent) {
      put_off(invocation, store.now());
      invocation.node = node;
    }
    auto put = store.put_invocation(invocation);
    if (!put) return fail(std::move(put).error());
    if (*sent) started.push_back(std::move(invocation));
  }
  return started;
}

Result<std::vector<Invocation>> take_from(Store& store, Id node, const std::vector<Id>& keeps) {
  auto open = store.open_invocations(node);
  if (!open) return open;
  std::erase_if(*open, [&](const Invocation& invocation) {
    const bool kept = std::find(keeps.begin(), keeps.end(), invocation.id) != keeps.end();
    return kept || invocation.state != InvocationState::dispatched || invocation.handler_agent != 0;
  });
  return run_all_again(store, *std::move(open));
}

Result<void> take_place(Store& store, Id node, Id invocation) {
  auto known = store.invocation(invocation);
  if (!known && refusal_of(known.error()) == Refusal::invocation_not_found) return {};
  if (!known) return fail(std::move(known).error());
  const bool is_here = known->state == InvocationState::dispatched && known->node == node;
  if (!is_here || !std::exchange(known->place_held, false)) return {};
  auto put = store.put_invocation(*known);
  return put ? store.give_place_back(node) : put;
}

Result<LostNode> lose_node(Store& store, Id node) {
  LostNode lost;
  auto agents = store.node_lost(node);
  if (!agents) return fail(std::move(agents).error());
  lost.agents = *std::move(agents);
  auto open = store.open_invocations(node);
  if (!open) return fail(std::move(open).error());
  // What waits for the node goes on waiting; what an agent of it handles begins to.
  std::erase_if(*open,
                [](const Invocation& each) { return each.state != InvocationState::dispatched; });
  auto invocations = run_all_again(store, *std::move(open));
  if (!invocations) return fail(std::move(invocations).error());
  lost.invocations = *std::move(invocations);
  return lost;
}

Result<std::vector<Invocation>> start_due(Store& store, std::uint32_t most) {
  auto due = store.due_invocations(most);
  if (!due) return due;
  return run_all_again(store, *std::move(due));
}

}  // namespace relay::engine
