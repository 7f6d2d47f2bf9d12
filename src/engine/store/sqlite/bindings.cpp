#include <algorithm>
#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

constexpr const char* kBinding =
    "b.id,b.agent,a.name,b.node,b.active,b.session_ref,b.priority,b.updated FROM bindings b "
    "JOIN agents a ON a.id=b.agent";

Binding binding_row(const Query& row) {
  Binding binding;
  binding.id = row.number(0);
  binding.agent = row.number(1);
  binding.agent_name = row.text(2);
  binding.node = row.number(3);
  binding.active = row.flag(4);
  binding.session_ref = rows::maybe_text(row, 5);
  binding.priority = row.integer(6);
  binding.updated = rows::time_at(row, 7);
  return binding;
}

}  // namespace

bool SqliteStore::is_full(const Node& node, Id but_agent) const {
  if (node.max_agents == 0) return false;
  Query others(db_, "SELECT count(*) FROM agents WHERE node=?1 AND status<>4 AND id<>?2");
  others.bind(node.id).bind(but_agent);
  return others.next() && others.integer(0) >= std::int64_t{node.max_agents};
}

/// Somebody leaves it: it says so itself only at its next heartbeat.
void SqliteStore::count_leaver(Id agent, Id but_node) {
  Query(db_,
        "UPDATE nodes SET active_agents=max(active_agents-1,0) WHERE id<>?2 AND id=(SELECT node "
        "FROM agents WHERE id=?1 AND status<>4)")
      .bind(agent)
      .bind(but_node)
      .run();
}

/// The agent is on that node from now on, and on no other one.
void SqliteStore::place_agent(Id agent, Id node, const std::optional<std::string>& session_ref,
                              std::int64_t priority) {
  count_leaver(agent, node);
  Query(db_, "UPDATE agents SET node=?2,session_ref=?3 WHERE id=?1")
      .bind(agent)
      .bind(node)
      .bind(session_ref)
      .run();
  Query(db_, "UPDATE bindings SET active=0,updated=?3 WHERE agent=?1 AND node<>?2 AND active=1")
      .bind(agent)
      .bind(node)
      .bind(rows::stamp(now()))
      .run();
  Query(db_,
        "INSERT INTO bindings(id,agent,node,active,session_ref,priority,updated) "
        "VALUES(?1,?2,?3,1,?4,?5,?6) ON CONFLICT(agent,node) DO UPDATE SET active=1,"
        "session_ref=excluded.session_ref,priority=excluded.priority,updated=excluded.updated")
      .bind(next_id())
      .bind(agent)
      .bind(node)
      .bind(session_ref)
      .bind(priority)
      .bind(rows::stamp(now()))
      .run();
}

Result<Binding> SqliteStore::bind_agent(Id agent, Id node,
                                        const std::optional<std::string>& session_ref,
                                        std::int64_t priority) {
  auto known = this->agent(agent);
  if (!known) return fail(std::move(known).error());
  auto on = this->node(node);
  if (!on) return fail(std::move(on).error());
  if (is_full(*on, agent)) {
    return refuse(Refusal::node_capacity_exceeded, "node " + on->name + " takes no more agents");
  }
  place_agent(agent, node, session_ref, priority);
  static const std::string kSelect =
      fmt::format("SELECT {} WHERE b.agent=?1 AND b.node=?2", kBinding);
  Query query(db_, kSelect);
  auto made = rows::first(query.bind(agent).bind(node), binding_row);
  return checked(std::move(made).value_or(Binding()));
}

Result<bool> SqliteStore::unbind_agent(Id agent, Id node) {
  auto known = this->agent(agent);
  if (!known) return fail(std::move(known).error());
  if (known->node != node) return false;
  auto direct = find_node_id(known->workspace, direct_node_id(agent));
  if (!direct) return fail(std::move(direct).error());
  place_agent(agent, direct->id, std::nullopt, 0);
  return checked(true);
}

Result<InventoryOutcome> SqliteStore::sync_inventory(Id node,
                                                     const std::vector<InventoryItem>& items) {
  auto on = this->node(node);
  if (!on) return fail(std::move(on).error());
  InventoryOutcome outcome;
  std::vector<Id> listed;
  for (const auto& item : items) {
    auto known = find_agent(on->workspace, item.name);
    if (!known) {
      if (refusal_of(known.error()) == Refusal::agent_not_found) continue;
      return fail(std::move(known).error());
    }
    auto at = this->node(known->node);
    const bool elsewhere = at && at->role == NodeRole::broker && at->id != node && at->online &&
                           known->status != AgentStatus::offline;
    const bool strange = on->role == NodeRole::direct && !is_own_agent(*on, *known);
    if (elsewhere || strange || known->id != item.agent || is_full(*on, known->id)) {
      outcome.rejected.push_back(item.name);
      continue;
    }
    place_agent(known->id, node, item.session_ref, 0);
    set_agent_status(known->id, AgentStatus::active);
    known->node = node;
    known->status = AgentStatus::active;
    listed.push_back(known->id);
    outcome.bound.push_back(*std::move(known));
  }
  auto here = agents_on(node);
  if (!here) return fail(std::move(here).error());
  for (auto& agent : *here) {
    const bool is_listed = std::find(listed.begin(), listed.end(), agent.id) != listed.end();
    if (is_listed || agent.status == AgentStatus::offline) continue;
    set_agent_status(agent.id, AgentStatus::offline);
    agent.status = AgentStatus::offline;
    outcome.gone.push_back(std::move(agent));
  }
  return checked(std::move(outcome));
}

Result<std::vector<Binding>> SqliteStore::bindings(Id node) const {
  static const std::string kSelect =
      fmt::format("SELECT {} WHERE b.node=?1 AND b.active=1 ORDER BY a.name", kBinding);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(node), binding_row));
}

Result<std::vector<Agent>> SqliteStore::agents_on(Id node) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM agents WHERE node=?1 ORDER BY name", rows::kAgent);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(node), rows::agent));
}

}  // namespace relay::engine
