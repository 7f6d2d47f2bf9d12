#include "base/json_writer.hpp"
#include "engine/digest.hpp"
#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "net/http_guard.hpp"

namespace relay::engine::rest {
namespace {

constexpr const char* kUsualWebhookName = "webhook";

std::optional<std::string> text_of(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  const auto text = found ? found->string() : std::nullopt;
  if (!text) return std::nullopt;
  return std::string(*text);
}

std::string webhook_url(const Call& call, const Webhook& webhook) {
  return base_url(call) + "/v1/hooks/" + std::to_string(webhook.id);
}

/// `token` only in the answer that made it.
std::string webhook_json(const Call& call, const Webhook& webhook, const std::string& channel,
                         const Secret* token) {
  return wire::Json::build([&](JsonWriter& out) {
           const std::string id = std::to_string(webhook.id);
           out.begin_object();
           out.field(token != nullptr ? "webhook_id" : "id", id);
           out.field("name", webhook.name);
           out.field("channel", channel);
           out.field("url", webhook_url(call, webhook));
           if (token != nullptr) out.field("token", token->reveal());
           out.field("is_active", true);
           out.field("created_at", wire_time(time_of(webhook.id)));
           out.end_object();
         })
      .text();
}

/// Messages have an author; that of a webhook is an agent that never connects.
Result<Agent> author_for(Store& store, const Call& call, const std::string& name) {
  NewAgent author;
  author.workspace = call.workspace();
  std::string plain = "webhook-" + name;
  if (!is_agent_name(plain)) plain = kUsualWebhookName;
  author.name = free_name(plain, [&](const std::string& candidate) {
    return store.find_agent(call.workspace(), candidate).has_value();
  });
  author.type = "system";
  author.token_hash = sha256_hex(new_token(TokenKind::agent, call.random()).reveal());
  return store.register_agent(author);
}

Result<Webhook> webhook_of_token(const Store& store, const Call& call) {
  const auto id = parse_id(call.parameter("id"));
  const auto token = net::bearer_token(call.request.headers);
  auto webhook = store.webhook(id.value_or(0));
  const bool unknown = !webhook && refusal_of(webhook.error()) == Refusal::webhook_not_found;
  if (!webhook && !unknown) return webhook;
  // Who has no token does not learn which webhooks there are.
  if (unknown || !token || sha256_hex(*token) != webhook->token_hash) {
    return refuse(Refusal::webhook_token_invalid, "this webhook has another token");
  }
  return webhook;
}

struct HookMessage {
  std::string text;
  std::optional<std::string> source;
  std::optional<std::string> author;
  std::string metadata;
};

Result<HookMessage> hook_message(const Call& call, const Webhook& webhook) {
  auto document = call.document();
  if (!document) return fail(std::move(document).error());
  const auto root = document->root();
  HookMessage message;
  auto text = text_of(root, "text");
  if (!text) text = text_of(root, "message");
  if (!text || text->empty()) return refuse(Refusal::invalid_request, "text or message: not empty");
  message.text = *std::move(text);
  message.source = text_of(root, "source");
  message.author = text_of(root, "author");
  const auto payload = root.find("payload");
  message.metadata = wire::Json::build([&](JsonWriter& out) {
                       out.begin_object();
                       out.field("webhook_id", std::to_string(webhook.id));
                       if (message.source) out.field("source", *message.source);
                       if (message.author) out.field("author", *message.author);
                       if (payload) {
                         out.key("payload");
                         out.raw(payload->json().text());
                       }
                       out.end_object();
                     }).text();
  return message;
}

}  // namespace

std::string base_url(const Call& call) {
  const auto host = call.request.headers.get("Host");
  return "http://" + std::string(host.value_or("localhost"));
}

Result<Answer> create_webhook(Store& store, Call& call) {
  auto document = call.document();
  if (!document) return fail(std::move(document).error());
  const auto in = text_of(document->root(), "channel");
  if (!in) return refuse(Refusal::invalid_request, "channel: where it writes");
  auto channel = store.find_channel(call.workspace(), std::string(without_hash(*in)));
  if (!channel) return fail(std::move(channel).error());
  const auto name = text_of(document->root(), "name");
  const Secret token = new_token(TokenKind::webhook, call.random());
  Webhook webhook;
  webhook.workspace = call.workspace();
  webhook.channel = channel->id;
  webhook.name = name.value_or(kUsualWebhookName);
  webhook.token_hash = sha256_hex(token.reveal());
  auto author = author_for(store, call, webhook.name);
  if (!author) return fail(std::move(author).error());
  webhook.author = author->id;
  auto joined = store.join_channel(channel->id, author->id);
  if (!joined) return fail(std::move(joined).error());
  auto memberships = store.memberships(author->id);
  if (!memberships) return fail(std::move(memberships).error());
  // It reads nothing, so nothing is to pile up for it.
  for (const auto& membership : *memberships) {
    auto muted = store.set_muted(membership.channel, author->id, true);
    if (!muted) return fail(std::move(muted).error());
  }
  auto added = store.add_webhook(webhook);
  if (!added) return fail(std::move(added).error());
  return good_json(webhook_json(call, *added, channel->name, &token), 201);
}

Result<Answer> list_webhooks(const Store& store, Call& call) {
  auto webhooks = store.webhooks(call.workspace());
  if (!webhooks) return fail(std::move(webhooks).error());
  std::string list = "[";
  for (const auto& webhook : *webhooks) {
    auto channel = store.channel(webhook.channel);
    if (!channel) return fail(std::move(channel).error());
    if (list.size() > 1) list += ',';
    list += webhook_json(call, webhook, channel->name, nullptr);
  }
  return good_json(list + "]");
}

Result<Answer> delete_webhook(Store& store, Call& call) {
  const auto id = parse_id(call.parameter("id"));
  auto webhook = store.webhook(id.value_or(0));
  if (!webhook) return fail(std::move(webhook).error());
  if (webhook->workspace != call.workspace()) {
    return refuse(Refusal::webhook_not_found, "there is no such webhook");
  }
  auto removed = store.remove_webhook(webhook->id);
  if (!removed) return fail(std::move(removed).error());
  return nothing();
}

Result<Answer> call_webhook(Store& store, Call& call) {
  auto webhook = webhook_of_token(store, call);
  if (!webhook) return fail(std::move(webhook).error());
  auto message = hook_message(call, *webhook);
  if (!message) return fail(std::move(message).error());
  auto channel = store.channel(webhook->channel);
  if (!channel) return fail(std::move(channel).error());
  MessageDraft draft;
  draft.channel = webhook->channel;
  draft.author = webhook->author;
  draft.text = message->text;
  draft.metadata = message->metadata;
  call.caller.workspace = webhook->workspace;
  auto posted = store.append_message(draft);
  if (!posted) return fail(std::move(posted).error());
  tell_posted(store, *posted, *channel, call.to);
  wire::StreamWebhookMessage told;
  told.id = std::to_string(posted->message.id);
  told.text = message->text;
  told.source = message->source;
  told.author = message->author;
  tell_webhook(std::to_string(webhook->id), *channel, told, call.to);
  const auto json = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("message_id", told.id);
    out.field("channel", channel->name);
    out.field("text", message->text);
    out.key("source");
    message->source ? out.value(*message->source) : out.null();
    out.key("author");
    message->author ? out.value(*message->author) : out.null();
    out.field("created_at", wire_time(time_of(posted->message.id)));
    out.end_object();
  });
  return good_json(json.text(), 201);
}

}  // namespace relay::engine::rest
