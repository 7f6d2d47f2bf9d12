#include "base/json_writer.hpp"
#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_messages.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::size_t kLongestEmoji = 64;
constexpr std::uint32_t kMostMentions = 20;
constexpr std::uint32_t kMostRecentReactions = 20;
/// Messages that one operation makes findable: some milliseconds of the writer's.
constexpr std::uint32_t kIndexAtOnce = 2000;

wire::Json last_message_view(const Message& message) {
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("id", std::to_string(message.id));
    out.field("text", message.text);
    out.field("created_at", wire_time(time_of(message.id)));
    out.end_object();
  });
}

wire::Json reactions_view(const std::vector<RecentReaction>& reactions) {
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_array();
    for (const auto& reaction : reactions) {
      out.begin_object();
      out.field("message_id", std::to_string(reaction.message));
      out.field("channel_name", reaction.channel_name);
      out.field("emoji", reaction.emoji);
      out.field("agent_name", reaction.agent_name);
      out.field("created_at", wire_time(reaction.at));
      out.end_object();
    }
    out.end_array();
  });
}

/// Who wrote to it last, or is in it with the agent.
std::string partner_of(const Store& store, const Unread& unread, Id agent) {
  if (unread.last.author != agent) return unread.last.author_name;
  auto members = store.members(unread.channel.id);
  if (!members) return {};
  for (const auto& member : *members) {
    if (member.agent != agent) return member.agent_name;
  }
  return {};
}

}  // namespace

Result<Answer> add_reaction(Store& store, Call& call) {
  auto asked = call.body<wire::ReactionPost>();
  if (!asked) return fail(std::move(asked).error());
  if (asked->emoji.empty() || asked->emoji.size() > kLongestEmoji) {
    return refuse(Refusal::invalid_request, "emoji: 1 to 64 bytes");
  }
  auto message = message_asked(store, call);
  if (!message) return fail(std::move(message).error());
  auto added = store.add_reaction(message->id, call.agent().id, asked->emoji);
  if (!added) return fail(std::move(added).error());
  if (*added) {
    tell_reacted(store, *message, call.agent().name, asked->emoji, true, call.to);
  }
  auto at = store.reacted_at(message->id, call.agent().id, asked->emoji);
  if (!at) return fail(std::move(at).error());
  wire::Reaction view;
  view.message_id = std::to_string(message->id);
  // A reaction is known by its message, agent and emoji; the wire wants one word.
  view.id = view.message_id + "_" + std::to_string(call.agent().id) + "_" + asked->emoji;
  view.agent_name = call.agent().name;
  view.emoji = asked->emoji;
  view.created_at = wire_time(*at);
  return created(view);
}

Result<Answer> remove_reaction(Store& store, Call& call) {
  auto message = message_asked(store, call);
  if (!message) return fail(std::move(message).error());
  const auto& emoji = call.parameter("emoji");
  auto removed = store.remove_reaction(message->id, call.agent().id, emoji);
  if (!removed) return fail(std::move(removed).error());
  if (*removed) tell_reacted(store, *message, call.agent().name, emoji, false, call.to);
  return nothing();
}

Result<Answer> list_reactions(const Store& store, Call& call) {
  auto message = message_asked(store, call);
  if (!message) return fail(std::move(message).error());
  auto groups = store.reactions(message->id);
  if (!groups) return fail(std::move(groups).error());
  std::vector<wire::ReactionGroup> views;
  for (const auto& group : *groups) {
    wire::ReactionGroup& view = views.emplace_back();
    view.emoji = group.emoji;
    view.count = static_cast<std::uint32_t>(group.agents.size());
    view.agents = group.agents;
  }
  return good(views);
}

Result<Answer> mark_read(Store& store, Call& call) {
  auto message = message_asked(store, call);
  if (!message) return fail(std::move(message).error());
  auto before = store.delivery(call.agent().id, message->id);
  auto at = store.mark_read(message->id, call.agent().id);
  if (!at) return fail(std::move(at).error());
  tell_read(store, *message, call.agent(), *at, call.to);
  const bool was_open = before && (before->status == DeliveryStatus::queued ||
                                   before->status == DeliveryStatus::delivered);
  if (was_open) tell_acked({*before}, call.to);
  wire::ReadReceipt view;
  view.message_id = std::to_string(message->id);
  view.agent_id = std::to_string(call.agent().id);
  view.read_at = wire_time(*at);
  return good(view);
}

Result<Answer> list_readers(const Store& store, Call& call) {
  auto message = message_asked(store, call);
  if (!message) return fail(std::move(message).error());
  auto readers = store.readers(message->id);
  if (!readers) return fail(std::move(readers).error());
  std::vector<wire::Reader> views;
  for (const auto& reader : *readers) {
    wire::Reader& view = views.emplace_back();
    view.agent_id = std::to_string(reader.agent);
    view.agent_name = reader.agent_name;
    view.read_at = wire_time(reader.read);
  }
  return good(views);
}

Result<Answer> show_inbox(Store& store, Call& call) {
  auto most = call.limit(kMostMentions, kMostMentions);
  if (!most) return fail(std::move(most).error());
  const Id me = call.agent().id;
  auto expired = store.expire_mailbox(me);
  if (!expired) return fail(std::move(expired).error());
  tell_expired(store, *expired, call.to);
  auto inbox = store.inbox_of(me, *most);
  if (!inbox) return fail(std::move(inbox).error());
  auto reactions = store.recent_reactions(me, kMostRecentReactions);
  if (!reactions) return fail(std::move(reactions).error());
  wire::Inbox view;
  for (const auto& unread : inbox->channels) {
    wire::InboxChannel& each = view.unread_channels.emplace_back();
    each.channel_name = unread.channel.name;
    each.unread_count = unread.count;
  }
  for (const auto& message : inbox->mentions) {
    auto channel = store.channel(message.channel);
    if (!channel) return fail(std::move(channel).error());
    wire::InboxMention& each = view.mentions.emplace_back();
    each.id = std::to_string(message.id);
    each.channel_name = channel->name;
    each.agent_name = message.author_name;
    each.text = message.text;
    each.created_at = wire_time(time_of(message.id));
  }
  for (const auto& unread : inbox->conversations) {
    wire::InboxDm& each = view.unread_dms.emplace_back();
    each.conversation_id = conversation_id(unread.channel);
    each.from = partner_of(store, unread, me);
    each.unread_count = unread.count;
    each.last_message = last_message_view(unread.last);
  }
  view.recent_reactions = reactions_view(*reactions);
  return good(view);
}

Result<Answer> prepare_search(Store& store, Call& /*call*/) {
  auto more = store.index_messages(kIndexAtOnce);
  if (!more) return fail(std::move(more).error());
  Answer answer;
  answer.again = *more;
  return answer;
}

Result<Answer> search_messages(const Store& store, Call& call) {
  auto page = call.page(20, 100);
  if (!page) return fail(std::move(page).error());
  SearchQuery query;
  query.workspace = call.workspace();
  query.reader = call.agent().id;
  query.page = *page;
  query.words = call.query("q").value_or("");
  if (query.words.empty()) return refuse(Refusal::invalid_request, "q: what to search for");
  const std::vector<wire::SearchHit> none;
  const auto in = call.query("channel");
  if (in && !in->empty()) {
    auto channel = store.find_channel(call.workspace(), std::string(without_hash(*in)));
    if (!channel && refusal_of(channel.error()) == Refusal::channel_not_found) return good(none);
    if (!channel) return fail(std::move(channel).error());
    query.channel = channel->id;
  }
  const auto from = call.query("from");
  if (from && !from->empty()) {
    auto author = store.find_agent(call.workspace(), *from);
    if (!author && refusal_of(author.error()) == Refusal::agent_not_found) return good(none);
    if (!author) return fail(std::move(author).error());
    query.author = author->id;
  }
  query.page.limit = rows_for(call.caller, page->limit);
  auto hits = store.search(query);
  if (!hits) return fail(std::move(hits).error());
  std::vector<wire::SearchHit> views;
  for (const auto& hit : *hits) {
    if (views.size() == page->limit) break;
    if (!call.caller.may_see_of(hit.message)) continue;
    auto channel = store.channel(hit.message.channel);
    if (!channel) return fail(std::move(channel).error());
    if (!call.caller.may_see(*channel)) continue;
    wire::SearchHit& view = views.emplace_back();
    view.id = std::to_string(hit.message.id);
    view.channel_id = channel_id(*channel);
    if (channel->kind == ChannelKind::channel) {
      view.channel_name = channel->name;
    } else {
      view.conversation_id = conversation_id(*channel);
    }
    view.agent_name = hit.message.author_name;
    view.text = hit.message.text;
    view.created_at = wire_time(time_of(hit.message.id));
    view.relevance_score = hit.score;
  }
  return good(views);
}

}  // namespace relay::engine::rest
