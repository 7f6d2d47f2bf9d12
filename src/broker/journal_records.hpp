// Internal to broker/: agents, results of actions and remembered answers, on the storage thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "broker/journal_db.hpp"
#include "broker/journal_types.hpp"

namespace relay::broker {

/// As JournalMessages: (parts of) jobs, with their errors at the connection.
class JournalRecords {
 public:
  /// Results, answers and retired generations that are kept of each; the oldest go.
  static constexpr int kMostRecords = 10'000;

  explicit JournalRecords(JournalDb& journal) : journal_(journal) {}

  void put_agent(const AgentRecord& agent, Wall now);
  void remove_agent(const std::string& name, Wall now);
  std::vector<AgentRecord> agents();
  std::vector<std::string> retired();

  void put_result(const ActionAnswer& result);
  void remove_result(const std::string& invocation_id);
  std::vector<ActionAnswer> results();

  void remember(const std::string& key, const std::string& body, Wall now);
  std::optional<std::string> answer(const std::string& key, Wall not_before);

  std::size_t sweep(Wall before, int most);

 private:
  void retire(const std::string& generation, Wall now);
  std::size_t trim(const char* table, const char* key, const char* order);

  JournalDb& journal_;
};

}  // namespace relay::broker
