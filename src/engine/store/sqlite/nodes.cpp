#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

tl::unexpected<Error> no_node(const std::string& name) {
  return refuse(Refusal::node_not_found, "there is no node " + name);
}

std::vector<NodeCapability> named(const std::vector<std::string>& names) {
  std::vector<NodeCapability> capabilities;
  for (const auto& name : names) capabilities.emplace_back().name = name;
  return capabilities;
}

}  // namespace

Result<Node> SqliteStore::enroll_node(const NodeEnrolment& enrolment) {
  const auto name = std::string(without_hash(enrolment.name));
  if (!is_agent_name(name)) {
    return refuse(Refusal::invalid_request,
                  "a node's name has no spaces and none of @ # /, and at most 128 bytes");
  }
  const NodeRole role = enrolment.role.value_or(
      enrolment.kind == NodeKind::ws || enrolment.max_agents.value_or(1) > 1 ? NodeRole::broker
                                                                             : NodeRole::direct);
  const auto most = enrolment.max_agents.value_or(role == NodeRole::direct ? 1 : 0);
  if (role == NodeRole::direct && most != 1) {
    return refuse(Refusal::direct_node_capacity_exceeded, "a direct node has one agent");
  }
  auto known = enrolment.node_id ? find_node_id(enrolment.workspace, *enrolment.node_id)
                                 : find_node(enrolment.workspace, name);
  if (!known && refusal_of(known.error()) != Refusal::node_not_found) return known;
  const Id id = known ? known->id : next_id();
  if (!known) {
    const auto free = free_name(name, [&](const std::string& candidate) {
      return find_node(enrolment.workspace, candidate).has_value();
    });
    Query(db_,
          "INSERT INTO nodes(id,workspace,node_id,name,kind,role,adapter,capabilities,tags,version,"
          "max_agents) VALUES(?1,?2,?3,?4,?5,?6,'ws.node.v1','[]','[]','',?7)")
        .bind(id)
        .bind(enrolment.workspace)
        .bind(enrolment.node_id.value_or(fmt::format("node_{}", id)))
        .bind(free)
        .bind(static_cast<int>(enrolment.kind))
        .bind(static_cast<int>(role))
        .bind(std::int64_t{most})
        .run();
  }
  Query(db_,
        "UPDATE nodes SET token_hash=?2,online=0,adapter=ifnull(?3,adapter),"
        "delivery=ifnull(?4,delivery) WHERE id=?1")
      .bind(id)
      .bind(enrolment.token_hash)
      .bind(enrolment.adapter)
      .bind(enrolment.delivery)
      .run();
  NodeManifest manifest;
  if (enrolment.capabilities) manifest.capabilities = named(*enrolment.capabilities);
  manifest.tags = enrolment.tags;
  manifest.version = enrolment.version;
  if (known) manifest.max_agents = enrolment.max_agents;
  write_manifest(id, manifest);
  if (db_.failed()) return fail(*db_.error());
  return node(id);
}

void SqliteStore::write_manifest(Id id, const NodeManifest& manifest) {
  std::optional<std::string> capabilities;
  if (manifest.capabilities) capabilities = rows::to_json(*manifest.capabilities);
  std::optional<std::string> tags;
  if (manifest.tags) tags = rows::to_json(*manifest.tags);
  std::optional<std::int64_t> most;
  if (manifest.max_agents) most = *manifest.max_agents;
  if (!capabilities && !tags && !most && !manifest.version) return;
  Query(db_,
        "UPDATE nodes SET capabilities=ifnull(?2,capabilities),tags=ifnull(?3,tags),"
        "version=ifnull(?4,version),max_agents=ifnull(?5,max_agents) WHERE id=?1")
      .bind(id)
      .bind(capabilities)
      .bind(tags)
      .bind(manifest.version)
      .bind(most)
      .run();
}

Result<void> SqliteStore::set_node_token(Id id, const std::string& token_hash) {
  Query(db_, "UPDATE nodes SET token_hash=?2 WHERE id=?1").bind(id).bind(token_hash).run();
  if (!db_.failed() && db_.changes() == 0) return no_node(std::to_string(id));
  return checked();
}

Result<Node> SqliteStore::node_connected(Id id, const NodeManifest& manifest) {
  write_manifest(id, manifest);
  Query(db_,
        "UPDATE nodes SET online=1,heartbeat=?2,handlers_live=(capabilities<>'[]') WHERE id=?1")
      .bind(id)
      .bind(rows::stamp(now()))
      .run();
  if (db_.failed()) return fail(*db_.error());
  auto known = node(id);
  if (known) offer_actions(*known);
  if (db_.failed()) return fail(*db_.error());
  return known;
}

Result<Node> SqliteStore::node_beat(Id id, const NodeBeat& beat) {
  write_manifest(id, beat.manifest);
  Query(db_,
        "UPDATE nodes SET online=1,heartbeat=?2,load=?3,active_agents=?4,handlers_live=?5 "
        "WHERE id=?1")
      .bind(id)
      .bind(rows::stamp(now()))
      .bind(beat.load)
      .bind(std::int64_t{beat.active_agents})
      .bind(beat.handlers_live)
      .run();
  if (db_.failed()) return fail(*db_.error());
  auto known = node(id);
  if (known && beat.manifest.capabilities) offer_actions(*known);
  if (db_.failed()) return fail(*db_.error());
  return known;
}

/// The first node that has a capability handles the action of that name; others stand in for it.
void SqliteStore::offer_actions(const Node& node) {
  for (const auto& capability : node.capabilities) {
    if (!is_action_capability(capability.name)) continue;
    Query(db_,
          "INSERT OR IGNORE INTO actions(id,workspace,name,description,handler_agent,handler_node) "
          "VALUES(?1,?2,?3,'',0,?4)")
        .bind(next_id())
        .bind(node.workspace)
        .bind(capability.name)
        .bind(node.id)
        .run();
  }
}

Result<void> SqliteStore::set_handlers_live(Id id, bool live) {
  Query(db_, "UPDATE nodes SET handlers_live=?2 WHERE id=?1").bind(id).bind(live).run();
  return checked();
}

Result<std::vector<Agent>> SqliteStore::node_lost(Id id) {
  Query(db_, "UPDATE nodes SET online=0,load=0,active_agents=0,handlers_live=0 WHERE id=?1")
      .bind(id)
      .run();
  auto all = agents_on(id);
  if (!all) return all;
  std::vector<Agent> lost;
  for (auto& agent : *all) {
    if (agent.status == AgentStatus::offline) continue;
    set_agent_status(agent.id, AgentStatus::offline);
    agent.status = AgentStatus::offline;
    lost.push_back(std::move(agent));
  }
  return checked(std::move(lost));
}

Result<void> SqliteStore::remove_node(Id id) {
  auto all = agents_on(id);
  if (!all) return fail(std::move(all).error());
  for (const auto& agent : *all) {
    auto unbound = unbind_agent(agent.id, id);
    if (!unbound) return fail(std::move(unbound).error());
  }
  Query(db_, "DELETE FROM bindings WHERE node=?1").bind(id).run();
  Query(db_, "DELETE FROM actions WHERE handler_node=?1").bind(id).run();
  Query(db_, "DELETE FROM nodes WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) return no_node(std::to_string(id));
  return checked();
}

Result<bool> SqliteStore::reserve_place(Id node) {
  // In one statement: of two that ask at once for the last place one gets it.
  Query(db_,
        "UPDATE nodes SET reserved=reserved+1 WHERE id=?1 AND "
        "(max_agents=0 OR max(active_agents,(SELECT count(*) FROM agents WHERE node=?1 AND "
        "status<>4))+reserved<max_agents)")
      .bind(node)
      .run();
  return checked(db_.changes() != 0);
}

Result<void> SqliteStore::give_place_back(Id node) {
  Query(db_, "UPDATE nodes SET reserved=max(reserved-1,0) WHERE id=?1").bind(node).run();
  return checked();
}

Result<Node> SqliteStore::node(Id id) const {
  static const std::string kSelect = fmt::format("SELECT {} FROM nodes WHERE id=?1", rows::kNode);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id), rows::node);
  if (!found && !db_.failed()) return no_node(std::to_string(id));
  return checked(std::move(found).value_or(Node()));
}

Result<Node> SqliteStore::find_node(Id workspace, const std::string& name) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM nodes WHERE workspace=?1 AND name=?2", rows::kNode);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(workspace).bind(without_hash(name)), rows::node);
  if (!found && !db_.failed()) return no_node(name);
  return checked(std::move(found).value_or(Node()));
}

Result<Node> SqliteStore::find_node_id(Id workspace, const std::string& node_id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM nodes WHERE workspace=?1 AND node_id=?2", rows::kNode);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(workspace).bind(node_id), rows::node);
  if (!found && !db_.failed()) return no_node(node_id);
  return checked(std::move(found).value_or(Node()));
}

Result<Node> SqliteStore::node_of_token(const std::string& token_hash) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM nodes WHERE token_hash=?1", rows::kNode);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(token_hash), rows::node);
  if (!found && !db_.failed()) {
    return refuse(Refusal::node_token_invalid, "no node has this token");
  }
  return checked(std::move(found).value_or(Node()));
}

Result<std::vector<Node>> SqliteStore::nodes(Id workspace) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM nodes WHERE workspace=?1 ORDER BY name", rows::kNode);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace), rows::node));
}

Result<std::vector<Node>> SqliteStore::nodes_with(Id workspace,
                                                  const std::string& capability) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM nodes WHERE workspace=?1 AND online=1 ORDER BY name", rows::kNode);
  Query query(db_, kSelect);
  auto found = rows::all(query.bind(workspace), rows::node);
  std::erase_if(found, [&](const Node& node) { return !has_capability(node, capability); });
  return checked(std::move(found));
}

Result<std::vector<Node>> SqliteStore::silent_nodes(Wall since) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM nodes WHERE online=1 AND heartbeat<?1", rows::kNode);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(rows::stamp(since)), rows::node));
}

}  // namespace relay::engine
