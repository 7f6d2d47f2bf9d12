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
  return outbound;
}

}  // namespace

Result<void> SqliteStore::add_outbound(Id subscription, const std::string& body) {
  Query(db_, "INSERT INTO outbox(id,subscription,body,attempts,due) VALUES(?1,?2,?3,0,?4)")
      .bind(next_id())
      .bind(subscription)
      .bind(body)
      .bind(rows::stamp(now()))
      .run();
  return checked();
}

Result<std::vector<Outbound>> SqliteStore::take_outbound(std::uint32_t most) {
  Query(db_, "DELETE FROM outbox WHERE due<=?1 AND attempts>=?2")
      .bind(rows::stamp(now()))
      .bind(std::int64_t{kMostAttempts})
      .run();
  std::vector<Outbound> due;
  {
    Query query(db_,
                "SELECT o.id,s.url,s.headers,s.secret,o.body,o.attempts FROM outbox o JOIN "
                "subscriptions s ON s.id=o.subscription WHERE o.due<=?1 ORDER BY o.due,o.id LIMIT "
                "?2");
    due = rows::all(query.bind(rows::stamp(now())).bind(std::int64_t{most}), outbound_row);
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
