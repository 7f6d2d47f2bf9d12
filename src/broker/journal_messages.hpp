// Internal to broker/: the inbox, the dead letters and what has ended, on the storage thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "broker/journal_db.hpp"
#include "broker/journal_types.hpp"
#include "node_control/delivery.hpp"

namespace relay::broker {

/// Each call is (a part of) one job. An error of the database is with the connection.
class JournalMessages {
 public:
  explicit JournalMessages(JournalDb& journal) : journal_(journal) {}

  /// One that is there already stays as it is; one that was given back is accepted again.
  void accept(const node_control::Delivery& delivery, bool late, MessageOrigin origin, Wall now);
  /// Of a message without a payload, the inbox has it.
  void bury(const node_control::DeadLetter& letter, Wall now);

  Result<std::vector<Attempt>> begin(const std::vector<MessageKey>& keys,
                                     const std::string& generation);
  /// By whom it was begun the last time; empty when by nobody, or when it is not there.
  std::string generation_of(const MessageKey& key);
  Result<void> written(const std::vector<MessageKey>& keys, const std::string& generation);
  Result<void> take_back(const std::vector<MessageKey>& keys, const std::string& generation);
  Result<void> give_back(const std::vector<MessageKey>& keys, const std::string& generation);
  Result<void> finish(const std::vector<MessageKey>& keys, const std::string& generation,
                      const Outcome& outcome, Wall now);
  /// How many of them were there.
  std::size_t drop(const std::vector<MessageKey>& keys, const std::string& reason, Wall now);

  struct Row {
    std::int64_t id = 0;
    Message message;
    bool given_back = false;
  };
  /// In the order in which they were accepted. Without payloads for who only needs the keys.
  std::vector<Row> rows(bool payloads);
  void forget(std::int64_t id);
  /// What has ended for an agent.
  std::vector<MessageKey> ended_of(const std::string& agent_id);

  std::vector<DeadMessage> dead(std::int64_t after, std::size_t most);
  Result<DeadMessage> dead(std::int64_t id);
  Result<void> remove_dead(std::int64_t id);
  Result<Message> redeliver(std::int64_t id, const std::string& agent_id, Wall now);

  /// Removes some of what is older than `before`; how many.
  std::size_t sweep(Wall before, int most);

 private:
  struct Found {
    std::int64_t id = 0;
    std::uint32_t attempts = 0;
    std::string generation;
    int state = 0;
  };
  std::optional<Found> find(const MessageKey& key);
  Result<Found> find_fenced(const MessageKey& key, const std::string& generation);
  bool has_ended(const MessageKey& key);
  void put_attempt(std::int64_t id, std::uint32_t number, const std::string& generation, int state);
  void remember_end(const MessageKey& key, Outcome::Kind kind, Wall now);
  void move_to_dead(const Found& found, const MessageKey& key, const std::string& reason, Wall now);
  std::optional<DeadMessage> dead_row(Query& query);

  JournalDb& journal_;
};

}  // namespace relay::broker
