#include <functional>

#include "base/json_writer.hpp"
#include "engine/events.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_messages.hpp"

namespace relay::engine::rest {
namespace {

/// Keys of a message's data by which the engine itself speaks: nobody else may write them.
constexpr std::string_view kOwnKeys = "__relaycast_";

std::string metadata_of(const std::optional<wire::Json>& data) {
  if (!data || data->is_null()) return {};
  if (!data->is_object() || data->text().find(kOwnKeys) == std::string::npos) return data->text();
  auto document = wire::JsonDocument::parse(data->text(), wire::kInboundLimits);
  if (!document) return {};
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_object();
           const auto members = document->root().members();
           for (const auto& member : members) {
             if (member.key.starts_with(kOwnKeys)) continue;
             out.key(member.key);
             out.raw(member.value.json().text());
           }
           out.end_object();
         })
      .text();
}

std::string blocks_of(const std::optional<wire::Json>& blocks) {
  return blocks && !blocks->is_null() ? blocks->text() : std::string();
}

wire::Message listed_view(const MessageView& listed, const Channel& channel) {
  auto view = message_view(listed.message, channel);
  view.reply_count = listed.replies;
  view.read_by_count = listed.readers;
  auto& groups = view.reactions.emplace();
  for (const auto& reaction : listed.reactions) {
    wire::ReactionGroup& group = groups.emplace_back();
    group.emoji = reaction.emoji;
    group.count = static_cast<std::uint32_t>(reaction.agents.size());
    group.agents = reaction.agents;
  }
  return view;
}

}  // namespace

Result<Answer> post_message(Store& store, Call& call) {
  auto asked = call.body<wire::MessagePost>();
  if (!asked) return fail(std::move(asked).error());
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  MessageDraft draft;
  draft.channel = channel->id;
  draft.author = call.agent().id;
  draft.text = asked->text;
  draft.blocks = blocks_of(asked->blocks);
  draft.metadata = metadata_of(asked->data);
  draft.steer = asked->mode == wire::InjectionMode::steer;
  if (!draft.steer) asked->mode.reset();
  auto key = call.key("channel-message:" + std::to_string(channel->id), wire::encode_body(*asked));
  if (!key) return fail(std::move(key).error());
  draft.key = *std::move(key);
  auto files = attachments_asked(store, call, asked->attachments);
  if (!files) return fail(std::move(files).error());
  draft.attachments = *std::move(files);
  auto posted = store.append_message(draft);
  if (!posted) return fail(std::move(posted).error());
  tell_posted(store, *posted, *channel, call.to);
  if (!posted->replayed) fire_triggers(store, *posted, *channel, call.to);
  auto answer = created(message_view(posted->message, *channel));
  answer.replayed = posted->replayed;
  return answer;
}

Result<Answer> list_messages(const Store& store, Call& call) {
  auto page = call.page(50, 100);
  if (!page) return fail(std::move(page).error());
  auto channel = channel_asked(store, call);
  if (!channel) return fail(std::move(channel).error());
  auto messages = visible_messages(store, call, *channel, *page);
  if (!messages) return fail(std::move(messages).error());
  std::vector<wire::Message> views;
  views.reserve(messages->size());
  for (const auto& message : *messages) views.push_back(listed_view(message, *channel));
  return good(views);
}

Result<Answer> show_message(const Store& store, Call& call) {
  auto message = message_asked(store, call);
  if (!message) return fail(std::move(message).error());
  auto channel = store.channel(message->channel);
  if (!channel) return fail(std::move(channel).error());
  auto listed = store.message_view(message->id);
  if (!listed) return fail(std::move(listed).error());
  return good(listed_view(*listed, *channel));
}

Result<Answer> post_reply(Store& store, Call& call) {
  auto asked = call.body<wire::ReplyPost>();
  if (!asked) return fail(std::move(asked).error());
  auto parent = message_asked(store, call);
  if (!parent) return fail(std::move(parent).error());
  auto channel = store.channel(parent->channel);
  if (!channel) return fail(std::move(channel).error());
  MessageDraft draft;
  draft.answer_to = parent->id;
  draft.author = call.agent().id;
  draft.text = asked->text;
  draft.blocks = blocks_of(asked->blocks);
  draft.metadata = metadata_of(asked->data);
  auto key = call.key("thread-reply:" + std::to_string(parent->id), wire::encode_body(*asked));
  if (!key) return fail(std::move(key).error());
  draft.key = *std::move(key);
  auto posted = store.append_message(draft);
  if (!posted) return fail(std::move(posted).error());
  tell_posted(store, *posted, *channel, call.to);
  auto answer = created(reply_view(posted->message, *channel));
  answer.replayed = posted->replayed;
  return answer;
}

Result<Answer> list_replies(const Store& store, Call& call) {
  auto page = call.page(50, 100);
  if (!page) return fail(std::move(page).error());
  auto parent = message_asked(store, call);
  if (!parent) return fail(std::move(parent).error());
  auto channel = store.channel(parent->channel);
  if (!channel) return fail(std::move(channel).error());
  const Id root = parent->thread != 0 ? parent->thread : parent->id;
  auto listed = store.message_view(root);
  if (!listed) return fail(std::move(listed).error());
  if (!call.caller.may_see_of(listed->message)) {
    return refuse(Refusal::message_not_found, "there is no such message");
  }
  auto replies = visible_rows<Message>(
      call.caller, *page, &Page::after, [&](const Page& step) { return store.replies(root, step); },
      std::identity());
  if (!replies) return fail(std::move(replies).error());
  wire::Thread view;
  view.parent = listed_view(*listed, *channel);
  for (const auto& reply : *replies) view.replies.push_back(reply_view(reply, *channel));
  return good(view);
}

}  // namespace relay::engine::rest
