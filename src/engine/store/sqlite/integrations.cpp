#include <fmt/format.h>

#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

constexpr const char* kWebhook = "id,workspace,channel,author,name,token_hash";
constexpr const char* kSubscription = "id,workspace,url,events,filter,headers,secret";
constexpr const char* kFile =
    "id,workspace,uploader,(SELECT name FROM agents WHERE id=files.uploader),name,content_type,"
    "size,state,ticket";

Webhook webhook_row(const Query& row) {
  Webhook webhook;
  webhook.id = row.number(0);
  webhook.workspace = row.number(1);
  webhook.channel = row.number(2);
  webhook.author = row.number(3);
  webhook.name = row.text(4);
  webhook.token_hash = row.text(5);
  return webhook;
}

Subscription subscription_row(const Query& row) {
  Subscription subscription;
  subscription.id = row.number(0);
  subscription.workspace = row.number(1);
  subscription.url = row.text(2);
  subscription.events = rows::texts_of(row.text(3));
  subscription.filter = row.text(4);
  subscription.headers = row.text(5);
  subscription.secret = rows::maybe_text(row, 6);
  return subscription;
}

File file_row(const Query& row) {
  File file;
  file.id = row.number(0);
  file.workspace = row.number(1);
  file.uploader = row.number(2);
  file.uploader_name = row.text(3);
  file.name = row.text(4);
  file.content_type = row.text(5);
  file.size = row.number(6);
  file.state = row.flag(7) ? FileState::complete : FileState::pending;
  file.ticket = row.text(8);
  return file;
}

tl::unexpected<Error> no_webhook() {
  return refuse(Refusal::webhook_not_found, "there is no such webhook");
}

tl::unexpected<Error> no_subscription() {
  return refuse(Refusal::subscription_not_found, "there is no such subscription");
}

tl::unexpected<Error> no_file() {
  return refuse(Refusal::file_not_found, "there is no such file");
}

}  // namespace

Result<Webhook> SqliteStore::add_webhook(const Webhook& webhook) {
  Webhook added = webhook;
  added.id = next_id();
  Query(db_,
        "INSERT INTO webhooks(id,workspace,channel,author,name,token_hash) "
        "VALUES(?1,?2,?3,?4,?5,?6)")
      .bind(added.id)
      .bind(added.workspace)
      .bind(added.channel)
      .bind(added.author)
      .bind(added.name)
      .bind(added.token_hash)
      .run();
  return checked(std::move(added));
}

Result<void> SqliteStore::remove_webhook(Id id) {
  Query(db_, "DELETE FROM webhooks WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) return no_webhook();
  return checked();
}

Result<Webhook> SqliteStore::webhook(Id id) const {
  static const std::string kSelect = fmt::format("SELECT {} FROM webhooks WHERE id=?1", kWebhook);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id), webhook_row);
  if (!found && !db_.failed()) return no_webhook();
  return checked(std::move(found).value_or(Webhook()));
}

Result<std::vector<Webhook>> SqliteStore::webhooks(Id workspace) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM webhooks WHERE workspace=?1 ORDER BY id", kWebhook);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace), webhook_row));
}

Result<Subscription> SqliteStore::add_subscription(const Subscription& subscription) {
  Subscription added = subscription;
  added.id = next_id();
  Query(db_,
        "INSERT INTO subscriptions(id,workspace,url,events,filter,headers,secret) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7)")
      .bind(added.id)
      .bind(added.workspace)
      .bind(added.url)
      .bind(rows::to_json(added.events))
      .bind(rows::or_null(added.filter))
      .bind(rows::or_null(added.headers))
      .bind(added.secret)
      .run();
  return checked(std::move(added));
}

Result<void> SqliteStore::remove_subscription(Id id) {
  Query(db_, "DELETE FROM outbox WHERE subscription=?1").bind(id).run();
  Query(db_, "DELETE FROM subscriptions WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) return no_subscription();
  return checked();
}

Result<Subscription> SqliteStore::subscription(Id workspace, Id id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM subscriptions WHERE id=?1 AND workspace=?2", kSubscription);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id).bind(workspace), subscription_row);
  if (!found && !db_.failed()) return no_subscription();
  return checked(std::move(found).value_or(Subscription()));
}

Result<std::vector<Subscription>> SqliteStore::subscriptions(Id workspace) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM subscriptions WHERE workspace=?1 ORDER BY id", kSubscription);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace), subscription_row));
}

Result<File> SqliteStore::add_file(const File& file) {
  const Id id = next_id();
  Query(db_,
        "INSERT INTO files(id,workspace,uploader,name,content_type,size,state,ticket) "
        "VALUES(?1,?2,?3,?4,?5,?6,0,?7)")
      .bind(id)
      .bind(file.workspace)
      .bind(file.uploader)
      .bind(file.name)
      .bind(file.content_type)
      .bind(file.size)
      .bind(file.ticket)
      .run();
  if (db_.failed()) return fail(*db_.error());
  return this->file(file.workspace, id);
}

Result<void> SqliteStore::put_file_content(Id id, const std::string& bytes) {
  Query(db_, "INSERT OR REPLACE INTO file_contents(file,bytes) VALUES(?1,?2)")
      .bind(id)
      .bind(storage::Blob{bytes})
      .run();
  return checked();
}

Result<void> SqliteStore::complete_file(Id id) {
  Query(db_,
        "UPDATE files SET state=1,size=ifnull((SELECT length(bytes) FROM file_contents WHERE "
        "file=?1),size) WHERE id=?1")
      .bind(id)
      .run();
  if (!db_.failed() && db_.changes() == 0) return no_file();
  return checked();
}

Result<void> SqliteStore::remove_file(Id id) {
  Query(db_, "DELETE FROM file_contents WHERE file=?1").bind(id).run();
  Query(db_, "DELETE FROM files WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) return no_file();
  return checked();
}

Result<std::uint32_t> SqliteStore::prune_files(Wall before, std::uint32_t most) {
  std::vector<Id> old;
  {
    Query query(db_, "SELECT id FROM files WHERE state=0 AND id<?1 ORDER BY id LIMIT ?2");
    query.bind(first_id_at(before)).bind(std::int64_t{most});
    while (query.next()) old.push_back(query.number(0));
  }
  for (const Id id : old) {
    auto removed = remove_file(id);
    if (!removed) return fail(std::move(removed).error());
  }
  return checked(static_cast<std::uint32_t>(old.size()));
}

Result<File> SqliteStore::file(Id workspace, Id id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM files WHERE id=?1 AND workspace=?2", kFile);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id).bind(workspace), file_row);
  if (!found && !db_.failed()) return no_file();
  return checked(std::move(found).value_or(File()));
}

Result<File> SqliteStore::file_of_ticket(Id id, const std::string& ticket) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM files WHERE id=?1 AND ticket=?2", kFile);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id).bind(ticket), file_row);
  if (!found && !db_.failed()) return no_file();
  return checked(std::move(found).value_or(File()));
}

Result<std::string> SqliteStore::file_content(Id id) const {
  Query query(db_, "SELECT bytes FROM file_contents WHERE file=?1");
  if (!query.bind(id).next()) {
    if (db_.failed()) return fail(*db_.error());
    return no_file();
  }
  return query.text(0);
}

Result<std::vector<File>> SqliteStore::files(Id workspace, Id uploader, std::uint32_t most) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM files WHERE workspace=?1 AND (?2=0 OR uploader=?2) ORDER BY id DESC LIMIT ?3",
      kFile);
  Query query(db_, kSelect);
  return checked(
      rows::all(query.bind(workspace).bind(uploader).bind(std::int64_t{most}), file_row));
}

}  // namespace relay::engine
