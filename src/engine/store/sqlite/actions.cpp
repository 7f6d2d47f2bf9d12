#include <fmt/format.h>

#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
using storage::Query;

Result<Action> SqliteStore::put_action(const Action& action) {
  const bool one_handler = (action.handler_agent != 0) != (action.handler_node != 0);
  if (!one_handler) {
    return refuse(Refusal::invalid_action_handler, "an action has one handler: agent or node");
  }
  std::optional<std::string> available_to;
  if (action.available_to) available_to = rows::to_json(*action.available_to);
  Query(db_,
        "INSERT INTO actions(id,workspace,name,description,handler_agent,handler_node,"
        "input_schema,output_schema,available_to) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) "
        "ON CONFLICT(workspace,name) DO UPDATE SET description=excluded.description,"
        "handler_agent=excluded.handler_agent,handler_node=excluded.handler_node,"
        "input_schema=excluded.input_schema,output_schema=excluded.output_schema,"
        "available_to=excluded.available_to")
      .bind(next_id())
      .bind(action.workspace)
      .bind(action.name)
      .bind(action.description)
      .bind(action.handler_agent)
      .bind(action.handler_node)
      .bind(rows::or_null(action.input_schema))
      .bind(rows::or_null(action.output_schema))
      .bind(available_to)
      .run();
  if (db_.failed()) return fail(*db_.error());
  return find_action(action.workspace, action.name);
}

Result<void> SqliteStore::remove_action(Id id) {
  Query(db_, "DELETE FROM actions WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::action_not_found, "there is no such action");
  }
  return checked();
}

Result<Action> SqliteStore::find_action(Id workspace, const std::string& name) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM actions WHERE workspace=?1 AND name=?2", rows::kAction);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(workspace).bind(name), rows::action);
  if (!found && !db_.failed()) {
    return refuse(Refusal::action_not_found, "there is no action called " + name);
  }
  return checked(std::move(found).value_or(Action()));
}

Result<std::vector<Action>> SqliteStore::actions(Id workspace) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM actions WHERE workspace=?1 ORDER BY name", rows::kAction);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace), rows::action));
}

Result<Invocation> SqliteStore::add_invocation(const Invocation& invocation) {
  Invocation added = invocation;
  added.id = next_id();
  Query(db_,
        "INSERT INTO invocations(id,workspace,action,capability,caller,caller_name,input,state,"
        "handler_agent,target,node,place_held,attempts,attempted) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,0,?8,0,0,0,0,'')")
      .bind(added.id)
      .bind(added.workspace)
      .bind(added.action)
      .bind(added.capability)
      .bind(added.caller)
      .bind(added.caller_name)
      .bind(added.input)
      .bind(added.handler_agent)
      .run();
  auto put = put_invocation(added);
  if (!put) return fail(std::move(put).error());
  return added;
}

Result<void> SqliteStore::put_invocation(const Invocation& invocation) {
  Query(db_,
        "UPDATE invocations SET output=?2,error=?3,state=?4,target=?5,node=?6,dispatched=?7,"
        "retry_after=?8,completed=?9,place_held=?10,attempts=?11,attempted=?12,duration_ms=?13 "
        "WHERE id=?1")
      .bind(invocation.id)
      .bind(rows::or_null(invocation.output))
      .bind(invocation.error)
      .bind(static_cast<int>(invocation.state))
      .bind(invocation.target)
      .bind(invocation.node)
      .bind(rows::stamp(invocation.dispatched))
      .bind(rows::stamp(invocation.retry_after))
      .bind(rows::stamp(invocation.completed))
      .bind(invocation.place_held)
      .bind(std::int64_t{invocation.attempts})
      .bind(rows::ids_to_text(invocation.attempted))
      .bind(invocation.duration_ms)
      .run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::invocation_not_found, "there is no such invocation");
  }
  return checked();
}

Result<Invocation> SqliteStore::invocation(Id id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM invocations WHERE id=?1", rows::kInvocation);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id), rows::invocation);
  if (!found && !db_.failed()) {
    return refuse(Refusal::invocation_not_found, "there is no such invocation");
  }
  return checked(std::move(found).value_or(Invocation()));
}

Result<std::vector<Invocation>> SqliteStore::open_invocations(Id node) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM invocations WHERE node=?1 AND state<2 ORDER BY id", rows::kInvocation);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(node), rows::invocation));
}

Result<std::vector<Invocation>> SqliteStore::due_invocations(std::uint32_t most) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM invocations WHERE state<2 AND retry_after IS NOT NULL AND "
      "(retry_after<=?1 OR retry_after>?2) ORDER BY id LIMIT ?3",
      rows::kInvocation);
  Query query(db_, kSelect);
  const Wall at = now();
  query.bind(rows::stamp(at)).bind(rows::stamp(at + kLastRetry));
  query.bind(static_cast<std::int64_t>(most));
  return checked(rows::all(query, rows::invocation));
}

Result<std::uint32_t> SqliteStore::prune_invocations(Wall before, std::uint32_t most) {
  Query(db_,
        "DELETE FROM invocations WHERE id IN "
        "(SELECT id FROM invocations WHERE id<?1 AND state>=2 ORDER BY id LIMIT ?2)")
      .bind(first_id_at(before))
      .bind(static_cast<std::int64_t>(most))
      .run();
  return checked(static_cast<std::uint32_t>(db_.changes()));
}

}  // namespace relay::engine
