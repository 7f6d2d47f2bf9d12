#include <algorithm>
#include <iterator>

#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

Outbound outbound_row(const Query& row) {
  Outbound outbound;
  outbound.id = row.number(0);
  outbound.url = row.text(1);
  outbound.headers = row.text(2);
  outbound.secret = rows::maybe_text(row, 3);
  outbound.body = row.text(4);
  outbound.attempts = static_cast<std::uint32_t>(row.integer(5)) + 1;
  outbound.subscription = row.number(6);
  return outbound;
}

/// The next one that has something in the outbox; 0: none.
Id subscription_behind(storage::Connection& db, Id last) {
  Query query(db, "SELECT min(subscription) FROM outbox WHERE subscription>?1");
  return query.bind(last).next() ? query.number(0) : 0;
}

std::vector<Outbound> due_of(storage::Connection& db, Id subscription, Wall now,
                             std::int64_t most) {
  Query query(db,
              "SELECT o.id,s.url,s.headers,s.secret,o.body,o.attempts,o.subscription FROM outbox o "
              "JOIN subscriptions s ON s.id=o.subscription WHERE o.subscription=?1 AND o.due<=?2 "
              "ORDER BY o.due,o.id LIMIT ?3");
  return rows::all(query.bind(subscription).bind(rows::stamp(now)).bind(most), outbound_row);
}

}  // namespace

Result<std::uint32_t> SqliteStore::add_outbound(Id subscription, const std::string& body) {
  std::uint32_t waiting = 1;
  {
    Query count(db_, "SELECT count(*) FROM outbox WHERE subscription=?1");
    if (count.bind(subscription).next()) waiting += static_cast<std::uint32_t>(count.number(0));
  }
  if (waiting > kMostWaiting) return checked(waiting);
  Query(db_, "INSERT INTO outbox(id,subscription,body,attempts,due) VALUES(?1,?2,?3,0,?4)")
      .bind(next_id())
      .bind(subscription)
      .bind(body)
      .bind(rows::stamp(now()))
      .run();
  return checked(waiting);
}

Result<std::vector<Outbound>> SqliteStore::take_outbound(std::uint32_t most,
                                                         const UnderWay& under_way, Id last) {
  Query(db_, "DELETE FROM outbox WHERE (due<=?1 AND attempts>=?2) OR id<?3")
      .bind(rows::stamp(now()))
      .bind(std::int64_t{kMostAttempts})
      .bind(first_id_at(now() - kOutboundKept))
      .run();
  std::vector<Outbound> due;
  bool around = false;
  for (Id at = subscription_behind(db_, last); due.size() < most;
       at = subscription_behind(db_, at)) {
    if (at == 0 && !around) {
      around = true;
      at = subscription_behind(db_, 0);
    }
    if (at == 0 || (around && at > last)) break;
    const auto busy = under_way.find(at);
    const std::uint32_t taken = busy != under_way.end() ? busy->second : 0;
    if (taken >= kMostOfOne) continue;
    const auto room = std::min<std::size_t>(most - due.size(), kMostOfOne - taken);
    auto more = due_of(db_, at, now(), static_cast<std::int64_t>(room));
    std::move(more.begin(), more.end(), std::back_inserter(due));
  }
  for (const auto& each : due) {
    const Duration pause = kNextAttempt * (std::int64_t{1} << (each.attempts - 1));
    Query(db_, "UPDATE outbox SET attempts=?2,due=?3 WHERE id=?1")
        .bind(each.id)
        .bind(std::int64_t{each.attempts})
        .bind(rows::stamp(now() + pause))
        .run();
  }
  return checked(std::move(due));
}

Result<void> SqliteStore::outbound_sent(Id id) {
  Query(db_, "DELETE FROM outbox WHERE id=?1").bind(id).run();
  return checked();
}

}  // namespace relay::engine
