#include <algorithm>

#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_channels.hpp"

namespace relay::engine::rest {
namespace {

void fill_channel(const Store& store, const Channel& channel, wire::Channel& view) {
  view.id = channel_id(channel);
  view.name = channel.name;
  view.topic = channel.topic;
  view.metadata = stored_json(channel.metadata);
  auto creator = channel.created_by != 0 ? store.agent(channel.created_by) : Result<Agent>(Agent());
  if (creator && creator->id != 0) view.created_by = creator->name;
  view.created_at = wire_time(time_of(channel.id));
  view.member_count = channel.member_count;
  view.is_archived = channel.archived;
}

std::vector<wire::ChannelMember> member_views(const std::vector<Member>& members) {
  std::vector<wire::ChannelMember> views;
  for (const auto& member : members) {
    wire::ChannelMember& view = views.emplace_back();
    view.agent_id = std::to_string(member.agent);
    view.agent_name = member.agent_name;
    view.role = member.role;
    view.joined_at = wire_time(member.joined);
    view.is_muted = member.muted;
  }
  return views;
}

Result<Channel> open_channel_asked(const Store& store, const Call& call) {
  auto channel = channel_asked(store, call);
  if (channel && channel->archived) {
    return refuse(Refusal::channel_archived, "#" + channel->name + " is archived");
  }
  return channel;
}

Result<Answer> set_mute(Store& store, Call& call, bool muted) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto set = store.set_muted(channel->id, call.agent().id, muted);
  if (!set) return fail(std::move(set).error());
  tell_member(store, *channel, call.agent(), muted ? "channel_muted" : "channel_unmuted", call.to);
  wire::ChannelMuted view;
  view.channel = channel->name;
  view.agent_id = std::to_string(call.agent().id);
  view.muted = muted;
  return good(view);
}

}  // namespace

Result<Answer> create_channel(Store& store, Call& call) {
  auto asked = call.body<wire::ChannelCreate>();
  if (!asked) return fail(std::move(asked).error());
  NewChannel fresh;
  fresh.workspace = call.workspace();
  fresh.name = without_hash(asked->name);
  fresh.topic = asked->topic;
  if (asked->metadata) fresh.metadata = asked->metadata->text();
  fresh.created_by = call.agent().id;
  auto made = store.create_channel(fresh);
  if (!made) return fail(std::move(made).error());
  tell_channel(*made, "created", call.to);
  wire::Channel view;
  fill_channel(store, *made, view);
  return created(view);
}

Result<Answer> list_channels(const Store& store, Call& call) {
  const auto all = call.query("include_archived");
  auto channels = store.channels(call.workspace(), all && (*all == "true" || *all == "1"));
  if (!channels) return fail(std::move(channels).error());
  std::vector<wire::Channel> views;
  for (const auto& channel : *channels) {
    if (call.caller.may_see(channel)) fill_channel(store, channel, views.emplace_back());
  }
  return good(views);
}

Result<Answer> show_channel(const Store& store, Call& call) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto members = store.members(channel->id);
  if (!members) return fail(std::move(members).error());
  wire::ChannelDetail view;
  fill_channel(store, *channel, view);
  view.members = member_views(*members);
  return good(view);
}

Result<Answer> update_channel(Store& store, Call& call) {
  auto asked = call.body<wire::ChannelUpdate>();
  if (!asked) return fail(std::move(asked).error());
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  std::optional<std::string> metadata;
  if (asked->metadata) metadata = asked->metadata->text();
  auto changed = store.change_channel(channel->id, asked->topic, metadata);
  if (!changed) return fail(std::move(changed).error());
  tell_channel(*changed, "updated", call.to);
  wire::Channel view;
  fill_channel(store, *changed, view);
  return good(view);
}

Result<Answer> archive_channel(Store& store, Call& call) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto archived = store.archive_channel(channel->id);
  if (!archived) return fail(std::move(archived).error());
  if (!channel->archived) tell_channel(*channel, "archived", call.to);
  return nothing();
}

Result<Answer> join_channel(Store& store, Call& call) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto joined = store.join_channel(channel->id, call.agent().id);
  if (!joined) return fail(std::move(joined).error());
  if (*joined) tell_member(store, *channel, call.agent(), "joined", call.to);
  wire::ChannelJoined view;
  view.channel = channel->name;
  view.agent_id = std::to_string(call.agent().id);
  view.already_member = !*joined;
  return good(view);
}

Result<Answer> leave_channel(Store& store, Call& call) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto left = store.leave_channel(channel->id, call.agent().id);
  if (!left) return fail(std::move(left).error());
  if (*left) tell_member(store, *channel, call.agent(), "left", call.to);
  return nothing();
}

Result<Answer> list_members(const Store& store, Call& call) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto members = store.members(channel->id);
  if (!members) return fail(std::move(members).error());
  return good(member_views(*members));
}

Result<Answer> invite_member(Store& store, Call& call) {
  auto asked = call.body<wire::ChannelInvite>();
  if (!asked) return fail(std::move(asked).error());
  auto channel = open_channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto inside = store.is_member(channel->id, call.agent().id);
  if (!inside) return fail(std::move(inside).error());
  if (!*inside) return refuse(Refusal::not_a_member, "only a member of the channel invites others");
  auto invited = store.find_agent(call.workspace(), asked->agent_name);
  if (!invited) return fail(std::move(invited).error());
  auto joined = store.join_channel(channel->id, invited->id);
  if (!joined) return fail(std::move(joined).error());
  if (*joined) tell_member(store, *channel, *invited, "joined", call.to);
  wire::ChannelInvited view;
  view.channel = channel->name;
  view.agent = invited->name;
  return good(view);
}

Result<Answer> mute_channel(Store& store, Call& call) {
  return set_mute(store, call, true);
}

Result<Answer> unmute_channel(Store& store, Call& call) {
  return set_mute(store, call, false);
}

Result<Answer> show_read_status(const Store& store, Call& call) {
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto members = store.members(channel->id);
  if (!members) return fail(std::move(members).error());
  std::vector<wire::ChannelReadStatus> views;
  for (const auto& member : *members) {
    wire::ChannelReadStatus& view = views.emplace_back();
    view.agent_name = member.agent_name;
    if (member.last_read == 0) continue;
    view.last_read_id = std::to_string(member.last_read);
    auto readers = store.readers(member.last_read);
    if (!readers) return fail(std::move(readers).error());
    const auto mine = std::find_if(readers->begin(), readers->end(), [&](const Reader& reader) {
      return reader.agent == member.agent;
    });
    if (mine != readers->end()) view.last_read_at = wire_time(mine->read);
  }
  return good(views);
}

}  // namespace relay::engine::rest
