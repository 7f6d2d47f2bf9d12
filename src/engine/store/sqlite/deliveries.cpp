#include <algorithm>
#include <fmt/format.h>

#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

constexpr std::string_view kExpired = "delivery TTL expired";

bool is_waiting(const Delivery& delivery) {
  return delivery.status == DeliveryStatus::queued || delivery.status == DeliveryStatus::delivered;
}

tl::unexpected<Error> no_delivery() {
  return refuse(Refusal::delivery_not_found, "there is no such delivery");
}

}  // namespace

Result<void> SqliteStore::mark_sent(Id agent, const std::vector<std::uint64_t>& seqs) {
  for (const auto seq : seqs) {
    Query(db_,
          "UPDATE deliveries SET status=1,attempts=attempts+1,delivered=ifnull(delivered,?3) "
          "WHERE agent=?1 AND seq=?2 AND status<2")
        .bind(agent)
        .bind(seq)
        .bind(rows::stamp(now()))
        .run();
  }
  return checked();
}

Result<Acked> SqliteStore::ack_up_to(Id agent, Id node, std::uint64_t seq) {
  Acked acked;
  std::uint64_t last = 0;
  {
    Query mailbox(db_,
                  "SELECT b.acked_seq,b.last_seq,a.node FROM mailboxes b JOIN agents a ON "
                  "a.id=b.agent WHERE b.agent=?1");
    if (!mailbox.bind(agent).next()) {
      if (db_.failed()) return fail(*db_.error());
      return refuse(Refusal::agent_not_found, "no such agent");
    }
    acked.cursor = mailbox.number(0);
    last = mailbox.number(1);
    if (mailbox.number(2) != node) return acked;
  }
  const auto up_to = std::min(seq, last);
  if (up_to <= acked.cursor) return checked(std::move(acked));
  {
    static const std::string kOpenUpTo = fmt::format(
        "SELECT {} FROM deliveries WHERE agent=?1 AND seq>?2 AND seq<=?3 AND status NOT IN (2,4) "
        "ORDER BY seq",
        rows::kDelivery);
    Query rows_up_to(db_, kOpenUpTo);
    acked.settled =
        rows::all(rows_up_to.bind(agent).bind(acked.cursor).bind(up_to), rows::delivery);
  }
  Query(db_,
        "UPDATE deliveries SET status=2,settled=?4 WHERE agent=?1 AND seq>?2 AND seq<=?3 AND "
        "status NOT IN (2,4)")
      .bind(agent)
      .bind(acked.cursor)
      .bind(up_to)
      .bind(rows::stamp(now()))
      .run();
  const auto were_open = std::count_if(acked.settled.begin(), acked.settled.end(), is_waiting);
  Query(db_,
        "UPDATE mailboxes SET acked_seq=?2,open=open-?3,first_open=max(first_open,?2+1) "
        "WHERE agent=?1")
      .bind(agent)
      .bind(up_to)
      .bind(std::int64_t{were_open})
      .run();
  find_first_open(agent);
  for (auto& delivery : acked.settled) {
    move_last_read(agent, delivery.message);
    delivery.status = DeliveryStatus::acked;
    delivery.settled = now();
  }
  acked.cursor = up_to;
  return checked(std::move(acked));
}

void SqliteStore::find_first_open(Id agent) {
  Query(db_,
        "UPDATE mailboxes SET first_open=ifnull((SELECT seq FROM deliveries d WHERE d.agent=?1 AND "
        "d.seq>=mailboxes.first_open AND d.status<2 ORDER BY d.seq LIMIT 1),last_seq+1) "
        "WHERE agent=?1")
      .bind(agent)
      .run();
}

Result<bool> SqliteStore::ack_delivery(Id agent, Id message) {
  auto done = settle_one(agent, message, DeliveryStatus::acked, nullptr);
  if (done && *done) move_last_read(agent, message);
  return done;
}

Result<bool> SqliteStore::fail_delivery(Id agent, Id message, const Failure& failure) {
  return settle_one(agent, message, DeliveryStatus::failed, &failure);
}

Result<bool> SqliteStore::settle_one(Id agent, Id message, DeliveryStatus status,
                                     const Failure* failure) {
  auto known = delivery(agent, message);
  if (!known) return fail(std::move(known).error());
  // Who has failed it can still have done it; nothing else happens twice.
  const bool late_ack = known->status == DeliveryStatus::failed && status == DeliveryStatus::acked;
  if (!is_waiting(*known) && !late_ack) return false;
  std::optional<std::string> note;
  std::optional<std::int64_t> retryable;
  if (failure != nullptr) {
    note = rows::or_null(failure->error);
    retryable = failure->retryable ? 1 : 0;
  }
  Query(db_,
        "UPDATE deliveries SET status=?3,settled=?4,note=ifnull(?5,note),"
        "retryable=ifnull(?6,retryable) WHERE agent=?1 AND seq=?2")
      .bind(agent)
      .bind(known->seq)
      .bind(static_cast<int>(status))
      .bind(rows::stamp(now()))
      .bind(note)
      .bind(retryable)
      .run();
  if (is_waiting(*known)) {
    Query(db_, "UPDATE mailboxes SET open=open-1 WHERE agent=?1").bind(agent).run();
    find_first_open(agent);
  }
  return checked(true);
}

Result<bool> SqliteStore::defer_delivery(Id agent, Id message, const Deferral& deferral) {
  auto known = delivery(agent, message);
  if (!known) return fail(std::move(known).error());
  const Wall available = std::chrono::floor<std::chrono::seconds>(deferral.available);
  const bool same = known->available == available && known->note == deferral.reason;
  if (!is_waiting(*known) || same) return false;
  Query(db_, "UPDATE deliveries SET status=0,available=?3,note=?4 WHERE agent=?1 AND seq=?2")
      .bind(agent)
      .bind(known->seq)
      .bind(rows::stamp(available))
      .bind(deferral.reason)
      .run();
  return checked(true);
}

Result<std::vector<Id>> SqliteStore::overdue_mailboxes(std::uint32_t most) const {
  Query query(db_,
              "SELECT b.agent FROM mailboxes b CROSS JOIN deliveries d ON d.agent=b.agent AND "
              "d.seq=b.first_open WHERE b.open>0 AND d.expires<=?1 LIMIT ?2");
  query.bind(rows::stamp(now())).bind(static_cast<std::int64_t>(most));
  return checked(rows::all(query, [](const Query& row) { return row.number(0); }));
}

Result<std::vector<Expired>> SqliteStore::expire_mailbox(Id agent) {
  static const std::string kOver = fmt::format(
      "SELECT {},(SELECT author FROM messages WHERE id=message) FROM deliveries WHERE agent=?1 AND "
      "seq>=(SELECT first_open FROM mailboxes WHERE agent=?1) AND status<2 AND expires<=?2",
      rows::kDelivery);
  const Wall at = now();
  std::vector<Expired> expired;
  {
    Query over(db_, kOver);
    over.bind(agent).bind(rows::stamp(at));
    while (over.next()) {
      Expired& each = expired.emplace_back();
      each.delivery = rows::delivery(over);
      each.author = over.number(14);
    }
  }
  for (auto& each : expired) {
    Query(db_,
          "UPDATE deliveries SET status=4,settled=?3,note=?4,retryable=0 WHERE agent=?1 AND "
          "seq=?2")
        .bind(agent)
        .bind(each.delivery.seq)
        .bind(rows::stamp(at))
        .bind(kExpired)
        .run();
    each.delivery.status = DeliveryStatus::dead;
    each.delivery.settled = at;
    each.delivery.note = kExpired;
  }
  if (!expired.empty()) {
    Query(db_, "UPDATE mailboxes SET open=open-?2 WHERE agent=?1")
        .bind(agent)
        .bind(static_cast<std::int64_t>(expired.size()))
        .run();
    find_first_open(agent);
  }
  return checked(std::move(expired));
}

Result<std::uint32_t> SqliteStore::prune_deliveries(Wall before, std::uint32_t most) {
  // Who has read a message stays known. What was settled lately of an old message goes with it:
  // by the order of messages it is found without an index of its own.
  constexpr const char* kOld =
      "FROM deliveries WHERE message<?1 AND status>=2 ORDER BY message LIMIT ?2";
  static const std::string kKeepReads = fmt::format(
      "INSERT OR IGNORE INTO reads(message,agent,at) SELECT message,agent,settled FROM "
      "(SELECT message,agent,settled,status {}) WHERE status=2",
      kOld);
  static const std::string kDelete =
      fmt::format("DELETE FROM deliveries WHERE (agent,seq) IN (SELECT agent,seq {})", kOld);
  for (const auto& sql : {kKeepReads, kDelete}) {
    Query(db_, sql).bind(first_id_at(before)).bind(static_cast<std::int64_t>(most)).run();
  }
  return checked(static_cast<std::uint32_t>(db_.changes()));
}

Result<Mailbox> SqliteStore::mailbox(Id agent) const {
  Query query(db_, "SELECT last_seq,acked_seq,open FROM mailboxes WHERE agent=?1");
  if (!query.bind(agent).next()) {
    if (db_.failed()) return fail(*db_.error());
    return refuse(Refusal::agent_not_found, "no such agent");
  }
  Mailbox mailbox;
  mailbox.agent = agent;
  mailbox.last_seq = query.number(0);
  mailbox.acked_seq = query.number(1);
  mailbox.open = query.number(2);
  return mailbox;
}

Result<std::vector<Delivery>> SqliteStore::backlog(Id agent, std::uint64_t after,
                                                   std::uint32_t most) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM deliveries WHERE agent=?1 AND seq>=max(?2+1,(SELECT first_open FROM "
      "mailboxes WHERE agent=?1)) AND status<2 AND expires>?3 ORDER BY seq LIMIT ?4",
      rows::kDelivery);
  Query query(db_, kSelect);
  query.bind(agent).bind(after).bind(rows::stamp(now())).bind(static_cast<std::int64_t>(most));
  return checked(rows::all(query, rows::delivery));
}

Result<Delivery> SqliteStore::delivery(Id agent, Id message) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM deliveries WHERE message=?1 AND agent=?2", rows::kDelivery);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(message).bind(agent), rows::delivery);
  if (!found && !db_.failed()) return no_delivery();
  return checked(std::move(found).value_or(Delivery()));
}

Result<std::vector<Delivery>> SqliteStore::deliveries_of(Id agent,
                                                         std::optional<DeliveryStatus> status,
                                                         std::uint32_t most) const {
  static const std::string kOpen = fmt::format(
      "SELECT {} FROM deliveries WHERE agent=?1 AND ?2 AND seq>=(SELECT first_open FROM mailboxes "
      "WHERE agent=?1) AND status<2 ORDER BY seq LIMIT ?3",
      rows::kDelivery);
  static const std::string kOfStatus =
      fmt::format("SELECT {} FROM deliveries WHERE agent=?1 AND status=?2 ORDER BY seq LIMIT ?3",
                  rows::kDelivery);
  Query query(db_, status ? kOfStatus : kOpen);
  query.bind(agent).bind(status ? static_cast<std::int64_t>(*status) : std::int64_t{1});
  return checked(rows::all(query.bind(static_cast<std::int64_t>(most)), rows::delivery));
}

}  // namespace relay::engine
