#include "broker/journal_records.hpp"

#include <fmt/format.h>

#include "broker/journal_schema.hpp"

namespace relay::broker {

void JournalRecords::put_agent(const AgentRecord& agent, Wall now) {
  static const std::string put = journal_table("agents").put("INSERT OR REPLACE");
  std::string before;
  {
    Query known(journal_.db(), "SELECT generation FROM agents WHERE name=?1");
    if (known.bind(agent.name).next()) before = known.text(0);
  }
  if (before != agent.generation) retire(before, now);
  Query(journal_.db(), put)
      .bind(agent.name)
      .bind(agent.agent_id)
      .bind(agent.generation)
      .bind(agent.spec)
      .bind(to_milliseconds(agent.started))
      .bind(static_cast<std::int64_t>(agent.restarts))
      .bind(static_cast<std::int64_t>(agent.failures))
      .run();
}

void JournalRecords::remove_agent(const std::string& name, Wall now) {
  std::string generation;
  {
    Query known(journal_.db(), "SELECT generation FROM agents WHERE name=?1");
    if (known.bind(name).next()) generation = known.text(0);
  }
  retire(generation, now);
  Query(journal_.db(), "DELETE FROM agents WHERE name=?1").bind(name).run();
}

std::vector<AgentRecord> JournalRecords::agents() {
  std::vector<AgentRecord> agents;
  Query query(journal_.db(),
              "SELECT name,agent_id,generation,spec,started,restarts,failures FROM agents "
              "ORDER BY name");
  while (query.next()) {
    AgentRecord agent;
    agent.name = query.text(0);
    agent.agent_id = query.text(1);
    agent.generation = query.text(2);
    agent.spec = query.text(3);
    agent.started = from_milliseconds(query.integer(4));
    agent.restarts = static_cast<std::uint32_t>(query.integer(5));
    agent.failures = static_cast<std::uint32_t>(query.integer(6));
    agents.push_back(std::move(agent));
  }
  return agents;
}

std::vector<std::string> JournalRecords::retired() {
  std::vector<std::string> generations;
  Query query(journal_.db(), "SELECT generation FROM retired ORDER BY at,generation");
  while (query.next()) generations.push_back(query.text(0));
  return generations;
}

void JournalRecords::put_result(const ActionAnswer& result) {
  static const std::string put = journal_table("results").put("INSERT OR REPLACE");
  Query(journal_.db(), put)
      .bind(result.invocation_id)
      .bind(journal_.next_id())
      .bind(result.body)
      .run();
  (void)trim("results", "invocation_id", "id");
}

void JournalRecords::remove_result(const std::string& invocation_id) {
  Query(journal_.db(), "DELETE FROM results WHERE invocation_id=?1").bind(invocation_id).run();
}

std::vector<ActionAnswer> JournalRecords::results() {
  std::vector<ActionAnswer> results;
  Query query(journal_.db(), "SELECT invocation_id,body FROM results ORDER BY id");
  while (query.next()) results.emplace_back(query.text(0), query.text(1));
  return results;
}

void JournalRecords::remember(const std::string& key, const std::string& body, Wall now) {
  static const std::string put = journal_table("answers").put("INSERT OR REPLACE");
  Query(journal_.db(), put).bind(key).bind(body).bind(to_milliseconds(now)).run();
  (void)trim("answers", "key", "at");
}

std::optional<std::string> JournalRecords::answer(const std::string& key, Wall not_before) {
  Query query(journal_.db(), "SELECT body FROM answers WHERE key=?1 AND at>=?2");
  if (!query.bind(key).bind(to_milliseconds(not_before)).next()) return std::nullopt;
  return query.text(0);
}

std::size_t JournalRecords::sweep(Wall before, int most) {
  std::size_t removed = 0;
  for (const auto* sql :
       {"DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE at<?1 LIMIT ?2)",
        "DELETE FROM retired WHERE generation IN "
        "(SELECT generation FROM retired WHERE at<?1 LIMIT ?2)"}) {
    Query(journal_.db(), sql).bind(to_milliseconds(before)).bind(most).run();
    removed += static_cast<std::size_t>(journal_.db().changes());
  }
  return removed + trim("retired", "generation", "at");
}

void JournalRecords::retire(const std::string& generation, Wall now) {
  static const std::string put = journal_table("retired").put("INSERT OR IGNORE");
  if (generation.empty()) return;
  Query(journal_.db(), put).bind(generation).bind(to_milliseconds(now)).run();
}

std::size_t JournalRecords::trim(const char* table, const char* key, const char* order) {
  std::int64_t count = 0;
  {
    Query all(journal_.db(), fmt::format("SELECT count(*) FROM {}", table));
    if (all.next()) count = all.integer(0);
  }
  if (count <= kMostRecords) return 0;
  Query(journal_.db(), fmt::format("DELETE FROM {0} WHERE {1} IN (SELECT {1} FROM {0} "
                                   "ORDER BY {2} LIMIT ?1)",
                                   table, key, order))
      .bind(count - kMostRecords)
      .run();
  return static_cast<std::size_t>(journal_.db().changes());
}

}  // namespace relay::broker
