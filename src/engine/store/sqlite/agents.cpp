#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

tl::unexpected<Error> no_agent(const std::string& name) {
  return refuse(Refusal::agent_not_found, "there is no agent called " + name);
}

}  // namespace

Result<Agent> SqliteStore::register_agent(const NewAgent& agent) {
  if (!is_agent_name(agent.name)) {
    return refuse(Refusal::invalid_request,
                  "an agent's name has no spaces and none of @ # /, and at most 128 bytes");
  }
  auto same = find_agent(agent.workspace, agent.name);
  if (same) {
    return refuse(Refusal::agent_already_exists, "there is an agent called " + agent.name);
  }
  const Id id = next_id();
  const Id node = next_id();
  Query(db_,
        "INSERT INTO nodes(id,workspace,node_id,name,kind,role,adapter,capabilities,tags,version,"
        "max_agents) VALUES(?1,?2,?3,?4,0,1,'ws.node.v1','[]','[\"implicit\",\"direct\"]',"
        "'implicit',1)")
      .bind(node)
      .bind(agent.workspace)
      .bind(direct_node_id(id))
      .bind(direct_node_name(id))
      .run();
  Query(db_,
        "INSERT INTO agents(id,workspace,name,type,status,persona,metadata,capabilities,node,"
        "origin_node,last_seen,token_hash) VALUES(?1,?2,?3,?4,0,?5,?6,?7,?8,?8,?9,?10)")
      .bind(id)
      .bind(agent.workspace)
      .bind(agent.name)
      .bind(agent.type)
      .bind(agent.persona)
      .bind(agent.metadata)
      .bind(agent.capabilities)
      .bind(node)
      .bind(rows::stamp(now()))
      .bind(agent.token_hash)
      .run();
  Query(db_, "INSERT INTO mailboxes VALUES(?1,0,0,1,0)").bind(id).run();
  place_agent(id, node, std::nullopt, 0);
  if (agent.joins_general) {
    Query general(db_,
                  "SELECT id FROM channels WHERE workspace=?1 AND kind=0 AND kind<2 AND name=?2");
    if (general.bind(agent.workspace).bind(kGeneral).next()) {
      auto joined = join_channel(general.number(0), id);
      if (!joined) return fail(std::move(joined).error());
    }
  }
  if (db_.failed()) return fail(*db_.error());
  return this->agent(id);
}

Result<Agent> SqliteStore::claim_agent(const AgentClaim& claim) {
  auto on = node(claim.node);
  if (!on) return fail(std::move(on).error());
  auto known = find_agent(on->workspace, claim.name);
  if (!known && refusal_of(known.error()) != Refusal::agent_not_found) return known;
  if (on->role == NodeRole::direct && (!known || !is_own_agent(*on, *known))) {
    return refuse(Refusal::agent_location_conflict, "a direct node is of one agent only");
  }
  if (!known) {
    NewAgent fresh;
    fresh.workspace = on->workspace;
    fresh.name = claim.name;
    fresh.token_hash = claim.token_hash;
    fresh.joins_general = claim.joins_general;
    known = register_agent(fresh);
    if (!known) return known;
    Query(db_, "UPDATE agents SET origin_node=?2 WHERE id=?1").bind(known->id).bind(on->id).run();
  } else {
    auto at = node(known->node);
    const bool elsewhere = at && at->role == NodeRole::broker && at->id != on->id;
    if (elsewhere && at->online && known->status != AgentStatus::offline) {
      return refuse(Refusal::agent_location_conflict,
                    claim.name + " is at work on node " + at->name);
    }
  }
  if (is_full(*on, known->id)) {
    return refuse(Refusal::node_capacity_exceeded, "node " + on->name + " takes no more agents");
  }
  Query(db_,
        "UPDATE agents SET token_hash=?2,status=0,last_seen=?3,resumable=?4,metadata="
        "json_set(metadata,'$.fleet',json_object('node_id',?5,'invocation_id',?6,"
        "'registered_at',strftime('%Y-%m-%dT%H:%M:%SZ',?3/1000,'unixepoch'))) WHERE id=?1")
      .bind(known->id)
      .bind(claim.token_hash)
      .bind(rows::stamp(now()))
      .bind(claim.resumable)
      .bind(on->node_id)
      .bind(claim.invocation_id)
      .run();
  place_agent(known->id, on->id, claim.session_ref, 0);
  if (db_.failed()) return fail(*db_.error());
  return agent(known->id);
}

Result<Agent> SqliteStore::change_agent(Id id, const AgentChange& change) {
  std::optional<std::int64_t> status;
  if (change.status) status = static_cast<std::int64_t>(*change.status);
  Query(db_,
        "UPDATE agents SET status=ifnull(?2,status),persona=ifnull(?3,persona),"
        "metadata=ifnull(?4,metadata),capabilities=ifnull(?5,capabilities),"
        "token_hash=ifnull(?6,token_hash) WHERE id=?1")
      .bind(id)
      .bind(status)
      .bind(change.persona)
      .bind(change.metadata)
      .bind(change.capabilities)
      .bind(change.token_hash)
      .run();
  if (db_.failed()) return fail(*db_.error());
  return agent(id);
}

Result<bool> SqliteStore::touch_agent(Id id) {
  auto known = agent(id);
  if (!known) return fail(std::move(known).error());
  const bool was_active = known->status == AgentStatus::active;
  const Wall at = now();
  if (was_active && known->last_seen <= at && at - known->last_seen < kSeenWithin) return false;
  Query(db_, "UPDATE agents SET status=0,last_seen=?2 WHERE id=?1")
      .bind(id)
      .bind(rows::stamp(at))
      .run();
  return checked(!was_active);
}

Result<void> SqliteStore::remove_agent(Id id) {
  static constexpr const char* kOf[] = {
      "DELETE FROM deliveries WHERE agent=?1",
      "DELETE FROM mailboxes WHERE agent=?1",
      "DELETE FROM members WHERE agent=?1",
      "DELETE FROM bindings WHERE agent=?1",
      "DELETE FROM nodes WHERE node_id='node_direct_'||?1",
      "DELETE FROM actions WHERE handler_agent=?1",
      "DELETE FROM agent_events WHERE agent=?1",
      "DELETE FROM agents WHERE id=?1",
  };
  count_leaver(id, 0);
  for (const char* sql : kOf) Query(db_, sql).bind(id).run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::agent_not_found, "no such agent");
  }
  // What it was to handle fails at the next look, which tells the callers.
  Query(db_, "UPDATE invocations SET retry_after=?2 WHERE handler_agent=?1 AND state<2")
      .bind(id)
      .bind(rows::stamp(now()))
      .run();
  return checked();
}

Result<std::vector<Agent>> SqliteStore::take_stale_agents(Wall seen_before) {
  static const std::string kStale = fmt::format(
      "SELECT {} FROM agents WHERE status=0 AND last_seen<?1 AND node IN "
      "(SELECT id FROM nodes WHERE role=1 AND online=0)",
      rows::kAgent);
  std::vector<Agent> stale;
  {
    Query query(db_, kStale);
    stale = rows::all(query.bind(rows::stamp(seen_before)), rows::agent);
  }
  for (auto& agent : stale) {
    set_agent_status(agent.id, AgentStatus::offline);
    agent.status = AgentStatus::offline;
  }
  return checked(std::move(stale));
}

void SqliteStore::set_agent_status(Id agent, AgentStatus status) {
  Query(db_, "UPDATE agents SET status=?2 WHERE id=?1")
      .bind(agent)
      .bind(static_cast<int>(status))
      .run();
}

Result<Agent> SqliteStore::agent(Id id) const {
  static const std::string kSelect = fmt::format("SELECT {} FROM agents WHERE id=?1", rows::kAgent);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id), rows::agent);
  if (!found && !db_.failed()) return refuse(Refusal::agent_not_found, "no such agent");
  return checked(std::move(found).value_or(Agent()));
}

Result<Agent> SqliteStore::find_agent(Id workspace, const std::string& name) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM agents WHERE workspace=?1 AND name=?2", rows::kAgent);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(workspace).bind(name), rows::agent);
  if (!found && !db_.failed()) return no_agent(name);
  return checked(std::move(found).value_or(Agent()));
}

Result<Agent> SqliteStore::agent_of_token(const std::string& token_hash) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM agents WHERE token_hash=?1", rows::kAgent);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(token_hash), rows::agent);
  if (!found && !db_.failed()) {
    return refuse(Refusal::agent_token_invalid, "no agent has this token");
  }
  return checked(std::move(found).value_or(Agent()));
}

Result<std::vector<Agent>> SqliteStore::agents(Id workspace,
                                               std::optional<AgentStatus> status) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM agents WHERE workspace=?1 AND ifnull(status=?2,1) ORDER BY name",
                  rows::kAgent);
  std::optional<std::int64_t> wanted;
  if (status) wanted = static_cast<std::int64_t>(*status);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace).bind(wanted), rows::agent));
}

}  // namespace relay::engine
