#include "broker/journal_messages.hpp"

#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "broker/journal_schema.hpp"

namespace relay::broker {
namespace {

using namespace std::string_view_literals;

/// Behind those of MessageState: the engine will send it again.
constexpr int kGivenBack = 3;
/// What is remembered of messages that have ended, besides for how long.
constexpr int kMostDone = 250'000;

int number_of(MessageState state) {
  return static_cast<int>(state);
}

std::string shown(const MessageKey& key) {
  return fmt::format("delivery {} of agent {}", key.delivery_id, key.agent_id);
}

/// Whether its id is the engine's. One that the book made of the number alone ("seq-7") can mean
/// another message when the engine has counted anew.
bool has_own_id(const MessageKey& key) {
  return !key.delivery_id.empty() && key.delivery_id != fmt::format("seq-{}", key.seq);
}

constexpr auto kDeadColumns =
    "id,agent_id,agent_name,delivery_id,seq,origin,accepted,payload,reason,attempts,died"sv;

}  // namespace

void JournalMessages::accept(const node_control::Delivery& delivery, bool late,
                             MessageOrigin origin, Wall now) {
  static const std::string put = journal_table("inbox").put("INSERT OR IGNORE");
  Connection& db = journal_.db();
  Query(db, put)
      .bind(journal_.next_id())
      .bind(delivery.agent_id)
      .bind(delivery.agent_name)
      .bind(delivery.delivery_id)
      .bind(delivery.seq)
      .bind(static_cast<int>(origin))
      .bind(late)
      .bind(to_milliseconds(now))
      .bind(Blob{delivery.payload})
      .run();
  if (db.changes() > 0) return;
  const auto found = find({delivery.agent_id, delivery.delivery_id, delivery.seq});
  if (found && found->state == kGivenBack) {
    put_attempt(found->id, found->attempts, found->generation, number_of(MessageState::accepted));
  }
}

void JournalMessages::bury(const node_control::DeadLetter& letter, Wall now) {
  static const std::string put = journal_table("dead_letters").put();
  const auto& delivery = letter.delivery;
  const MessageKey key(delivery.agent_id, delivery.delivery_id, delivery.seq);
  const bool unknown = letter.reason == node_control::DeadReason::unknown_agent;
  const std::string reason = unknown ? "unknown_agent" : "not_repeated";
  if (const auto found = find(key)) {
    move_to_dead(*found, key, reason, now);
    return;
  }
  Connection& db = journal_.db();
  {
    // The same change can be saved twice.
    Query same(db,
               "SELECT 1 FROM dead_letters WHERE agent_id=?1 AND delivery_id=?2 AND seq=?3 AND "
               "(payload=?4 OR length(?4)=0)");
    same.bind(key.agent_id).bind(key.delivery_id).bind(key.seq).bind(Blob{delivery.payload});
    if (same.next()) return;
  }
  Query(db, put)
      .bind(journal_.next_id())
      .bind(key.agent_id)
      .bind(delivery.agent_name)
      .bind(key.delivery_id)
      .bind(key.seq)
      .bind(static_cast<int>(MessageOrigin::engine))
      .bind(to_milliseconds(now))
      .bind(Blob{delivery.payload})
      .bind(reason)
      .bind(0)
      .bind(to_milliseconds(now))
      .run();
  journal_.dead_letter_added();
}

Result<std::vector<Attempt>> JournalMessages::begin(const std::vector<MessageKey>& keys,
                                                    const std::string& generation) {
  {
    Query retired(journal_.db(), "SELECT 1 FROM retired WHERE generation=?1");
    if (retired.bind(generation).next()) {
      return fail(Code::conflict, "session " + generation + " is over");
    }
  }
  std::vector<Attempt> attempts;
  for (const auto& key : keys) {
    Attempt attempt;
    attempt.key = key;
    const auto found = find(key);
    if (has_ended(key)) {
      attempt.standing = Attempt::Standing::ended;
      // Under another number, or sent again.
      if (found) forget(found->id);
    } else if (found) {
      attempt.standing = Attempt::Standing::begun;
      attempt.number = found->attempts + 1;
      attempt.may_repeat = found->state == number_of(MessageState::writing) ||
                           found->state == number_of(MessageState::written);
      put_attempt(found->id, attempt.number, generation, number_of(MessageState::writing));
    }
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

std::string JournalMessages::generation_of(const MessageKey& key) {
  auto found = find(key);
  return found ? std::move(found->generation) : std::string();
}

Result<void> JournalMessages::written(const std::vector<MessageKey>& keys,
                                      const std::string& generation) {
  for (const auto& key : keys) {
    const auto found = find_fenced(key, generation);
    if (!found) return fail(found.error());
    put_attempt(found->id, found->attempts, generation, number_of(MessageState::written));
  }
  return {};
}

Result<void> JournalMessages::take_back(const std::vector<MessageKey>& keys,
                                        const std::string& generation) {
  for (const auto& key : keys) {
    const auto found = find_fenced(key, generation);
    if (!found) return fail(found.error());
    put_attempt(found->id, found->attempts - std::min(found->attempts, 1U), generation,
                number_of(MessageState::accepted));
  }
  return {};
}

Result<void> JournalMessages::give_back(const std::vector<MessageKey>& keys,
                                        const std::string& generation) {
  for (const auto& key : keys) {
    const auto found = find_fenced(key, generation);
    if (!found) return fail(found.error());
    put_attempt(found->id, found->attempts, generation, kGivenBack);
  }
  return {};
}

Result<void> JournalMessages::finish(const std::vector<MessageKey>& keys,
                                     const std::string& generation, const Outcome& outcome,
                                     Wall now) {
  for (const auto& key : keys) {
    const auto found = find_fenced(key, generation);
    // Said before, and the answer did not arrive.
    if (!found && found.error().code == Code::not_found && has_ended(key)) continue;
    if (!found) return fail(found.error());
    if (outcome.kind() == Outcome::Kind::dead) {
      move_to_dead(*found, key, outcome.reason(), now);
    } else {
      forget(found->id);
      remember_end(key, outcome.kind(), now);
    }
  }
  return {};
}

std::size_t JournalMessages::drop(const std::vector<MessageKey>& keys, const std::string& reason,
                                  Wall now) {
  std::size_t dropped = 0;
  for (const auto& key : keys) {
    const auto found = find(key);
    if (!found) continue;
    move_to_dead(*found, key, reason, now);
    ++dropped;
  }
  return dropped;
}

std::vector<JournalMessages::Row> JournalMessages::rows(bool payloads) {
  std::vector<Row> rows;
  Query query(journal_.db(),
              fmt::format("SELECT i.id,agent_id,agent_name,delivery_id,seq,origin,late,accepted,"
                          "ifnull(number,0),ifnull(generation,''),ifnull(state,0),{} "
                          "FROM inbox i LEFT JOIN attempts a ON a.id=i.id ORDER BY i.id",
                          payloads ? "payload" : "x''"));
  while (query.next()) {
    Row row;
    row.id = query.integer(0);
    Message& message = row.message;
    message.key = MessageKey(query.text(1), query.text(3), query.number(4));
    message.agent_name = query.text(2);
    message.origin = static_cast<MessageOrigin>(query.integer(5));
    message.late = query.flag(6);
    message.accepted = from_milliseconds(query.integer(7));
    message.attempts = static_cast<std::uint32_t>(query.integer(8));
    message.generation = query.text(9);
    row.given_back = query.integer(10) == kGivenBack;
    if (!row.given_back) message.state = static_cast<MessageState>(query.integer(10));
    message.payload = query.text(11);
    rows.push_back(std::move(row));
  }
  return rows;
}

void JournalMessages::forget(std::int64_t id) {
  // Its attempt goes with it.
  Query(journal_.db(), "DELETE FROM inbox WHERE id=?1").bind(id).run();
}

std::vector<MessageKey> JournalMessages::ended_of(const std::string& agent_id) {
  std::vector<MessageKey> keys;
  Query query(journal_.db(), "SELECT delivery_id,seq FROM done WHERE agent_id=?1");
  query.bind(agent_id);
  while (query.next()) keys.emplace_back(agent_id, query.text(0), query.number(1));
  return keys;
}

std::vector<DeadMessage> JournalMessages::dead(std::int64_t after, std::size_t most) {
  std::vector<DeadMessage> letters;
  Query query(
      journal_.db(),
      fmt::format("SELECT {} FROM dead_letters WHERE id>?1 ORDER BY id LIMIT ?2", kDeadColumns));
  query.bind(after).bind(static_cast<std::int64_t>(most));
  while (auto letter = dead_row(query)) letters.push_back(*std::move(letter));
  return letters;
}

Result<DeadMessage> JournalMessages::dead(std::int64_t id) {
  Query query(journal_.db(), fmt::format("SELECT {} FROM dead_letters WHERE id=?1", kDeadColumns));
  query.bind(id);
  auto letter = dead_row(query);
  if (!letter) {
    return fail(Code::not_found, fmt::format("there is no dead letter {}", id),
                "relay-broker dead-letters list shows those there are");
  }
  return *std::move(letter);
}

Result<void> JournalMessages::remove_dead(std::int64_t id) {
  auto letter = dead(id);
  if (!letter) return fail(std::move(letter).error());
  Query(journal_.db(), "DELETE FROM dead_letters WHERE id=?1").bind(id).run();
  return {};
}

Result<Message> JournalMessages::redeliver(std::int64_t id, const std::string& agent_id, Wall now) {
  auto letter = dead(id);
  if (!letter) return fail(std::move(letter).error());
  Message message;
  message.key = MessageKey(agent_id, letter->key.delivery_id, letter->key.seq);
  message.agent_name = letter->agent_name;
  message.origin = MessageOrigin::redelivered;
  message.payload = std::move(letter->payload);
  message.accepted = from_milliseconds(to_milliseconds(now));
  if (find(message.key)) {
    return fail(Code::conflict, shown(message.key) + " is waiting already");
  }
  node_control::Delivery delivery;
  delivery.agent_id = agent_id;
  delivery.agent_name = message.agent_name;
  delivery.delivery_id = message.key.delivery_id;
  delivery.seq = message.key.seq;
  delivery.payload = message.payload;
  Query(journal_.db(), "DELETE FROM done WHERE agent_id=?1 AND delivery_id=?2")
      .bind(agent_id)
      .bind(delivery.delivery_id)
      .run();
  accept(delivery, false, MessageOrigin::redelivered, now);
  Query(journal_.db(), "DELETE FROM dead_letters WHERE id=?1").bind(id).run();
  return message;
}

std::size_t JournalMessages::sweep(Wall before, int most) {
  Connection& db = journal_.db();
  Query(db,
        "DELETE FROM done WHERE (agent_id,delivery_id) IN "
        "(SELECT agent_id,delivery_id FROM done WHERE ended<?1 ORDER BY ended LIMIT ?2)")
      .bind(to_milliseconds(before))
      .bind(most)
      .run();
  auto removed = static_cast<std::size_t>(db.changes());
  std::int64_t count = 0;
  {
    Query all(db, "SELECT count(*) FROM done");
    if (all.next()) count = all.integer(0);
  }
  if (count <= kMostDone) return removed;
  Query(db,
        "DELETE FROM done WHERE (agent_id,delivery_id) IN "
        "(SELECT agent_id,delivery_id FROM done ORDER BY ended LIMIT min(?1,?2))")
      .bind(count - kMostDone)
      .bind(most)
      .run();
  return removed + static_cast<std::size_t>(db.changes());
}

std::optional<JournalMessages::Found> JournalMessages::find(const MessageKey& key) {
  Query query(journal_.db(),
              "SELECT i.id,ifnull(number,0),ifnull(generation,''),ifnull(state,0) "
              "FROM inbox i LEFT JOIN attempts a ON a.id=i.id "
              "WHERE agent_id=?1 AND delivery_id=?2 AND seq=?3");
  query.bind(key.agent_id).bind(key.delivery_id).bind(key.seq);
  if (!query.next()) return std::nullopt;
  Found found;
  found.id = query.integer(0);
  found.attempts = static_cast<std::uint32_t>(query.integer(1));
  found.generation = query.text(2);
  found.state = static_cast<int>(query.integer(3));
  return found;
}

Result<JournalMessages::Found> JournalMessages::find_fenced(const MessageKey& key,
                                                            const std::string& generation) {
  auto found = find(key);
  if (!found) return fail(Code::not_found, shown(key) + " is not in the journal");
  if (found->generation != generation) {
    return fail(Code::conflict, fmt::format("{} is in the hands of session {}, not of {}",
                                            shown(key), found->generation, generation));
  }
  return *std::move(found);
}

bool JournalMessages::has_ended(const MessageKey& key) {
  if (!has_own_id(key)) return false;
  Query query(journal_.db(), "SELECT 1 FROM done WHERE agent_id=?1 AND delivery_id=?2");
  return query.bind(key.agent_id).bind(key.delivery_id).next();
}

void JournalMessages::put_attempt(std::int64_t id, std::uint32_t number,
                                  const std::string& generation, int state) {
  static const std::string put = journal_table("attempts").put("INSERT OR REPLACE");
  Query(journal_.db(), put)
      .bind(id)
      .bind(static_cast<std::int64_t>(number))
      .bind(generation)
      .bind(state)
      .run();
}

void JournalMessages::remember_end(const MessageKey& key, Outcome::Kind kind, Wall now) {
  static const std::string put = journal_table("done").put("INSERT OR REPLACE");
  if (!has_own_id(key)) return;
  Query(journal_.db(), put)
      .bind(key.agent_id)
      .bind(key.delivery_id)
      .bind(key.seq)
      .bind(static_cast<int>(kind))
      .bind(to_milliseconds(now))
      .run();
}

void JournalMessages::move_to_dead(const Found& found, const MessageKey& key,
                                   const std::string& reason, Wall now) {
  static const std::string copy = [] {
    const auto& table = journal_table("dead_letters");
    const std::string values =
        "?1,agent_id,agent_name,delivery_id,seq,origin,accepted,payload,?2,?3,?4";
    return fmt::format(
        "INSERT INTO dead_letters({},sum) SELECT {},sum_of('dead_letters',{}) FROM inbox "
        "WHERE id=?5",
        table.column_list(), values, values);
  }();
  Query(journal_.db(), copy)
      .bind(journal_.next_id())
      .bind(reason)
      .bind(static_cast<std::int64_t>(found.attempts))
      .bind(to_milliseconds(now))
      .bind(found.id)
      .run();
  forget(found.id);
  remember_end(key, Outcome::Kind::dead, now);
  journal_.dead_letter_added();
}

std::optional<DeadMessage> JournalMessages::dead_row(Query& query) {
  if (!query.next()) return std::nullopt;
  DeadMessage letter;
  letter.id = query.integer(0);
  letter.key = MessageKey(query.text(1), query.text(3), query.number(4));
  letter.agent_name = query.text(2);
  letter.origin = static_cast<MessageOrigin>(query.integer(5));
  letter.accepted = from_milliseconds(query.integer(6));
  letter.payload = query.text(7);
  letter.reason = query.text(8);
  letter.attempts = static_cast<std::uint32_t>(query.integer(9));
  letter.died = from_milliseconds(query.integer(10));
  return letter;
}

}  // namespace relay::broker
