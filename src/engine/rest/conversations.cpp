#include <algorithm>

#include "base/json_writer.hpp"
#include "engine/events.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_dms.hpp"

namespace relay::engine::rest {
namespace {

constexpr const char* kMyself = "@self";
constexpr std::size_t kMostParticipants = 1000;

wire::DmMessage listed_dm_view(const Message& message) {
  auto view = dm_view(message);
  view.created_at = wire_time(time_of(message.id));
  return view;
}

std::string type_of(const Channel& channel) {
  return channel.kind == ChannelKind::direct ? "1:1" : "group";
}

std::optional<std::string> name_of_group(const Channel& channel) {
  if (channel.kind == ChannelKind::direct || channel.name.empty()) return std::nullopt;
  return channel.name;
}

/// The last one of it, as lists of conversations show it; null when there is none to be seen.
Result<wire::Json> last_of(const Store& store, const Call& call, const Channel& channel) {
  Page page;
  page.limit = 1;
  auto last = store.channel_messages(channel.id, page);
  if (!last) return fail(std::move(last).error());
  if (last->empty()) return wire::Json();
  const Message& message = last->front().message;
  if (!call.caller.may_see_of(message)) return wire::Json();
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("id", std::to_string(message.id));
    out.field("text", message.text);
    out.field("agent_id", std::to_string(message.author));
    out.field("agent_name", message.author_name);
    out.field("created_at", wire_time(time_of(message.id)));
    out.end_object();
  });
}

/// What both ways of posting into a conversation have in common.
struct DmDraft {
  std::string text;
  std::optional<std::vector<std::string>> attachments;
  bool steer = false;
  std::string scope;
  std::string body;
};

/// Of a DmPost or a DmMessagePost.
template <class Asked>
DmDraft dm_draft(Asked asked, std::string scope) {
  DmDraft draft;
  draft.steer = asked.mode == wire::InjectionMode::steer;
  // The same message with the usual mode said or left out.
  if (!draft.steer) asked.mode.reset();
  draft.body = wire::encode_body(asked);
  draft.text = std::move(asked.text);
  draft.attachments = std::move(asked.attachments);
  draft.scope = std::move(scope);
  return draft;
}

Result<Posted> post_dm(Store& store, Call& call, const Channel& channel, const DmDraft& asked) {
  MessageDraft draft;
  draft.channel = channel.id;
  draft.author = call.agent().id;
  draft.text = asked.text;
  draft.steer = asked.steer;
  auto key = call.key(asked.scope, asked.body);
  if (!key) return fail(std::move(key).error());
  draft.key = *std::move(key);
  auto files = attachments_asked(store, call, asked.attachments);
  if (!files) return fail(std::move(files).error());
  draft.attachments = *std::move(files);
  auto posted = store.append_message(draft);
  if (posted) tell_posted(store, *posted, channel, call.to);
  return posted;
}

Result<Channel> group_asked(const Store& store, const Call& call) {
  auto channel = conversation_asked(store, call);
  if (channel && channel->kind == ChannelKind::direct) {
    return refuse(Refusal::invalid_request, "a conversation of two has no other participants");
  }
  return channel;
}

}  // namespace

Result<Answer> send_dm(Store& store, Call& call) {
  auto asked = call.body<wire::DmPost>();
  if (!asked) return fail(std::move(asked).error());
  if (asked->to.starts_with('@') && asked->to != kMyself) asked->to.erase(0, 1);
  const std::string to = asked->to == kMyself ? call.agent().name : asked->to;
  auto other = store.find_agent(call.workspace(), to);
  if (!other) return fail(std::move(other).error());
  auto channel = store.direct_conversation(call.workspace(), call.agent().id, other->id);
  if (!channel) return fail(std::move(channel).error());
  const DmDraft draft = dm_draft(*asked, "dm:direct");
  auto posted = post_dm(store, call, *channel, draft);
  if (!posted) return fail(std::move(posted).error());
  auto view = dm_sent_view(posted->message, *channel, other->name);
  if (other->status == AgentStatus::offline) view.recipient_status = name_of(other->status);
  auto answer = created(view);
  answer.replayed = posted->replayed;
  return answer;
}

Result<Answer> list_conversations(const Store& store, Call& call) {
  auto channels = store.conversations(call.workspace(), call.agent().id);
  if (!channels) return fail(std::move(channels).error());
  auto inbox = store.inbox_of(call.agent().id, 0);
  if (!inbox) return fail(std::move(inbox).error());
  std::vector<wire::DmConversation> views;
  for (const auto& channel : *channels) {
    wire::DmConversation& view = views.emplace_back();
    view.id = conversation_id(channel);
    view.type = type_of(channel);
    view.name = name_of_group(channel);
    auto members = store.members(channel.id);
    if (!members) return fail(std::move(members).error());
    for (const auto& member : *members) {
      wire::DmParticipant& participant = view.participants.emplace_back();
      participant.agent_id = std::to_string(member.agent);
      participant.agent_name = member.agent_name;
    }
    auto last = last_of(store, call, channel);
    if (!last) return fail(std::move(last).error());
    view.last_message = *std::move(last);
    const auto unread =
        std::find_if(inbox->conversations.begin(), inbox->conversations.end(),
                     [&](const Unread& each) { return each.channel.id == channel.id; });
    if (unread != inbox->conversations.end()) view.unread_count = unread->count;
    view.created_at = wire_time(time_of(channel.id));
  }
  return good(views);
}

Result<Answer> list_all_conversations(const Store& store, Call& call) {
  auto channels = store.conversations(call.workspace(), 0);
  if (!channels) return fail(std::move(channels).error());
  std::vector<wire::DmConversationOverview> views;
  for (const auto& channel : *channels) {
    if (views.size() >= kMostRows) break;
    if (!call.caller.may_see(channel)) continue;
    wire::DmConversationOverview& view = views.emplace_back();
    view.id = conversation_id(channel);
    view.type = type_of(channel);
    view.name = name_of_group(channel);
    auto members = store.members(channel.id);
    if (!members) return fail(std::move(members).error());
    for (const auto& member : *members) view.participants.push_back(member.agent_name);
    auto last = last_of(store, call, channel);
    if (!last) return fail(std::move(last).error());
    view.last_message = *std::move(last);
    view.created_at = wire_time(time_of(channel.id));
  }
  return good(views);
}

Result<Answer> create_group(Store& store, Call& call) {
  auto asked = call.body<wire::GroupCreate>();
  if (!asked) return fail(std::move(asked).error());
  if (asked->participants.empty() || asked->participants.size() > kMostParticipants) {
    return refuse(Refusal::invalid_request, "participants: 1 to 1000 names");
  }
  std::vector<Id> others;
  for (const auto& name : asked->participants) {
    auto agent = store.find_agent(call.workspace(), name);
    if (!agent) return fail(std::move(agent).error());
    if (agent->id != call.agent().id) others.push_back(agent->id);
  }
  auto channel = store.create_group(call.workspace(), call.agent().id, others,
                                    asked->name.value_or(std::string()));
  if (!channel) return fail(std::move(channel).error());
  auto members = store.members(channel->id);
  if (!members) return fail(std::move(members).error());
  wire::GroupCreated view;
  view.id = conversation_id(*channel);
  view.channel_id = channel_id(*channel);
  view.dm_type = "group";
  view.name = name_of_group(*channel);
  for (const auto& member : *members) {
    wire::DmParticipant& participant = view.participants.emplace_back();
    participant.agent_id = std::to_string(member.agent);
    participant.agent_name = member.agent_name;
  }
  view.created_at = wire_time(time_of(channel->id));
  return created(view);
}

Result<Answer> send_to_conversation(Store& store, Call& call) {
  auto asked = call.body<wire::DmMessagePost>();
  if (!asked) return fail(std::move(asked).error());
  auto channel = conversation_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  const DmDraft draft = dm_draft(*asked, "dm:" + conversation_id(*channel));
  auto posted = post_dm(store, call, *channel, draft);
  if (!posted) return fail(std::move(posted).error());
  wire::DmMessageSent view;
  view.conversation_id = conversation_id(*channel);
  view.message = dm_view(posted->message);
  view.created_at = wire_time(time_of(posted->message.id));
  auto answer = created(view);
  answer.replayed = posted->replayed;
  return answer;
}

Result<Answer> list_conversation_messages(const Store& store, Call& call) {
  auto page = call.page(50, 100);
  if (!page) return fail(std::move(page).error());
  auto channel = conversation_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto messages = visible_messages(store, call, *channel, *page);
  if (!messages) return fail(std::move(messages).error());
  std::vector<wire::DmMessage> views;
  for (const auto& message : *messages) views.push_back(listed_dm_view(message.message));
  return good(views);
}

Result<Answer> add_participant(Store& store, Call& call) {
  auto asked = call.body<wire::ParticipantAdd>();
  if (!asked) return fail(std::move(asked).error());
  auto channel = group_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto agent = store.find_agent(call.workspace(), asked->agent_name);
  if (!agent) return fail(std::move(agent).error());
  auto joined = store.join_channel(channel->id, agent->id);
  if (!joined) return fail(std::move(joined).error());
  wire::ParticipantAdded view;
  view.conversation_id = conversation_id(*channel);
  view.agent = agent->name;
  view.already_member = !*joined;
  return good(view);
}

Result<Answer> remove_participant(Store& store, Call& call) {
  auto channel = group_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto agent = store.find_agent(call.workspace(), call.parameter("agent"));
  if (!agent) return fail(std::move(agent).error());
  auto left = store.leave_channel(channel->id, agent->id);
  if (!left) return fail(std::move(left).error());
  return nothing();
}

}  // namespace relay::engine::rest
