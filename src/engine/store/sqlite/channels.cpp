#include <fmt/format.h>

#include "engine/digest.hpp"
#include "engine/names.hpp"
#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

constexpr std::string_view kDirectName = "dm-";
constexpr std::string_view kDirectConversation = "dm_";

Member member_row(const Query& row) {
  Member member;
  member.agent = row.number(0);
  member.agent_name = row.text(1);
  member.role = row.flag(2) ? "owner" : "member";
  member.joined = rows::time_at(row, 3);
  member.last_read = row.number(4);
  member.muted = row.flag(5);
  return member;
}

tl::unexpected<Error> no_channel(const std::string& name) {
  return refuse(Refusal::channel_not_found, "there is no channel " + name);
}

}  // namespace

Result<Channel> SqliteStore::create_channel(const NewChannel& channel) {
  if (!is_channel_name(channel.name)) {
    return refuse(Refusal::invalid_channel_name,
                  "a channel's name is made of a-z, 0-9 and hyphens, and begins with no hyphen");
  }
  auto same = find_channel(channel.workspace, channel.name);
  if (same) {
    return refuse(Refusal::channel_already_exists, "there is a channel #" + channel.name);
  }
  const Id id = next_id();
  Query(db_,
        "INSERT INTO channels(id,workspace,kind,name,topic,metadata,created_by) "
        "VALUES(?1,?2,0,?3,?4,?5,?6)")
      .bind(id)
      .bind(channel.workspace)
      .bind(channel.name)
      .bind(channel.topic)
      .bind(channel.metadata)
      .bind(channel.created_by)
      .run();
  if (channel.created_by != 0) {
    Query(db_, "INSERT INTO members(channel,agent,owner,joined) VALUES(?1,?2,1,?3)")
        .bind(id)
        .bind(channel.created_by)
        .bind(rows::stamp(now()))
        .run();
  }
  if (db_.failed()) return fail(*db_.error());
  return this->channel(id);
}

Result<Channel> SqliteStore::change_channel(Id id, const std::optional<std::string>& topic,
                                            const std::optional<std::string>& metadata) {
  auto known = channel(id);
  if (!known) return known;
  if (known->archived) {
    return refuse(Refusal::channel_archived, "#" + known->name + " is archived");
  }
  Query(db_, "UPDATE channels SET topic=ifnull(?2,topic),metadata=ifnull(?3,metadata) WHERE id=?1")
      .bind(id)
      .bind(topic)
      .bind(metadata)
      .run();
  if (db_.failed()) return fail(*db_.error());
  return channel(id);
}

Result<void> SqliteStore::archive_channel(Id id) {
  auto known = channel(id);
  if (!known) return fail(std::move(known).error());
  if (known->kind == ChannelKind::channel && known->name == kGeneral) {
    return refuse(Refusal::cannot_archive_general, "#general is everybody's: it stays");
  }
  Query(db_, "UPDATE channels SET archived=1 WHERE id=?1").bind(id).run();
  return checked();
}

Result<bool> SqliteStore::join_channel(Id channel, Id agent) {
  auto known = this->channel(channel);
  if (!known) return fail(std::move(known).error());
  if (known->archived) {
    return refuse(Refusal::channel_archived, "#" + known->name + " is archived");
  }
  // What was said before is not unread.
  Query(db_,
        "INSERT OR IGNORE INTO members(channel,agent,owner,joined,last_read) "
        "VALUES(?1,?2,0,?3,ifnull((SELECT max(id) FROM messages WHERE channel=?1 AND thread=0),0))")
      .bind(channel)
      .bind(agent)
      .bind(rows::stamp(now()))
      .run();
  return checked(db_.changes() != 0);
}

Result<bool> SqliteStore::leave_channel(Id channel, Id agent) {
  Query(db_, "DELETE FROM members WHERE channel=?1 AND agent=?2").bind(channel).bind(agent).run();
  return checked(db_.changes() != 0);
}

Result<void> SqliteStore::set_muted(Id channel, Id agent, bool muted) {
  Query(db_, "UPDATE members SET muted=?3 WHERE channel=?1 AND agent=?2")
      .bind(channel)
      .bind(agent)
      .bind(muted)
      .run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::not_a_member, "the agent is not a member of this channel");
  }
  return checked();
}

Result<Channel> SqliteStore::direct_conversation(Id workspace, Id one, Id other) {
  const auto name = direct_channel_name(workspace, one, other);
  {
    // On the way of every direct message: nothing is counted here.
    Query query(db_,
                "SELECT id FROM channels WHERE workspace=?1 AND kind=1 AND kind<2 AND name=?2");
    if (query.bind(workspace).bind(name).next()) {
      Channel known;
      known.id = query.number(0);
      known.workspace = workspace;
      known.kind = ChannelKind::direct;
      known.name = name;
      known.metadata = "{}";
      known.member_count = one == other ? 1 : 2;
      return known;
    }
  }
  const Id id = next_id();
  Query(db_,
        "INSERT INTO channels(id,workspace,kind,name,metadata,created_by) "
        "VALUES(?1,?2,1,?3,'{}',?4)")
      .bind(id)
      .bind(workspace)
      .bind(name)
      .bind(one)
      .run();
  for (const Id agent : {one, other}) {
    auto joined = join_channel(id, agent);
    if (!joined) return fail(std::move(joined).error());
  }
  return channel(id);
}

Result<Channel> SqliteStore::create_group(Id workspace, Id creator, const std::vector<Id>& others,
                                          const std::string& name) {
  const Id id = next_id();
  Query(db_,
        "INSERT INTO channels(id,workspace,kind,name,metadata,created_by) "
        "VALUES(?1,?2,2,?3,'{}',?4)")
      .bind(id)
      .bind(workspace)
      .bind(name)
      .bind(creator)
      .run();
  auto joined = join_channel(id, creator);
  if (!joined) return fail(std::move(joined).error());
  for (const Id agent : others) {
    auto added = join_channel(id, agent);
    if (!added) return fail(std::move(added).error());
  }
  return channel(id);
}

Result<Channel> SqliteStore::channel(Id id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM channels WHERE id=?1", rows::kChannel);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id), rows::channel);
  if (!found && !db_.failed()) return no_channel(std::to_string(id));
  return checked(std::move(found).value_or(Channel()));
}

Result<Channel> SqliteStore::find_channel(Id workspace, const std::string& name) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM channels WHERE workspace=?1 AND kind=0 AND kind<2 AND name=?2",
                  rows::kChannel);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(workspace).bind(name), rows::channel);
  if (!found && !db_.failed()) return no_channel("#" + name);
  return checked(std::move(found).value_or(Channel()));
}

Result<Channel> SqliteStore::find_conversation(Id workspace, const std::string& id) const {
  if (id.starts_with(kDirectConversation)) {
    static const std::string kSelect =
        fmt::format("SELECT {} FROM channels WHERE workspace=?1 AND kind=1 AND kind<2 AND name=?2",
                    rows::kChannel);
    Query query(db_, kSelect);
    query.bind(workspace).bind(std::string(kDirectName) + id.substr(kDirectConversation.size()));
    auto found = rows::first(query, rows::channel);
    if (!found && !db_.failed()) return no_channel(id);
    return checked(std::move(found).value_or(Channel()));
  }
  const auto number = parse_id(id);
  if (!number) return no_channel(id);
  auto found = channel(*number);
  if (found && (found->kind != ChannelKind::group || found->workspace != workspace)) {
    return no_channel(id);
  }
  return found;
}

Result<std::vector<Channel>> SqliteStore::channels(Id workspace, bool with_archived) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM channels WHERE workspace=?1 AND kind=0 AND archived<=?2 ORDER BY name",
      rows::kChannel);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace).bind(with_archived), rows::channel));
}

Result<std::vector<Channel>> SqliteStore::conversations(Id workspace, Id agent) const {
  static const std::string kOfAgent = fmt::format(
      "SELECT {} FROM channels WHERE id IN (SELECT channel FROM members WHERE agent=?2) "
      "AND workspace=?1 AND kind>0 ORDER BY id DESC",
      rows::kChannel);
  static const std::string kOfAll =
      fmt::format("SELECT {} FROM channels WHERE workspace=?1 AND kind>0 AND ?2=0 ORDER BY id DESC",
                  rows::kChannel);
  Query query(db_, agent == 0 ? kOfAll : kOfAgent);
  return checked(rows::all(query.bind(workspace).bind(agent), rows::channel));
}

Result<std::vector<Member>> SqliteStore::members(Id channel) const {
  Query query(db_,
              "SELECT m.agent,a.name,m.owner,m.joined,m.last_read,m.muted "
              "FROM members m JOIN agents a ON a.id=m.agent WHERE m.channel=?1 ORDER BY a.name");
  return checked(rows::all(query.bind(channel), member_row));
}

Result<std::vector<Membership>> SqliteStore::memberships(Id agent) const {
  Query query(db_,
              "SELECT c.id,c.name,m.owner,m.joined FROM members m JOIN channels c ON "
              "c.id=m.channel WHERE m.agent=?1 AND c.kind=0 ORDER BY c.name");
  return checked(rows::all(query.bind(agent), [](const Query& row) {
    Membership membership;
    membership.channel = row.number(0);
    membership.channel_name = row.text(1);
    membership.role = row.flag(2) ? "owner" : "member";
    membership.joined = rows::time_at(row, 3);
    return membership;
  }));
}

Result<bool> SqliteStore::is_member(Id channel, Id agent) const {
  Query query(db_, "SELECT 1 FROM members WHERE channel=?1 AND agent=?2");
  return checked(query.bind(channel).bind(agent).next());
}

}  // namespace relay::engine
