#include "engine/rest/call.hpp"

#include <algorithm>
#include <charconv>

#include "base/json_writer.hpp"
#include "engine/digest.hpp"
#include "engine/names.hpp"
#include "engine/stream_filter.hpp"
#include "engine/views.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::size_t kLongestKey = 255;

bool is_key(std::string_view key) {
  if (key.empty() || key.size() > kLongestKey) return false;
  return std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

constexpr unsigned kRetryAfter = 1;

/// It was not done, because of how busy the engine is. What may have been done is not said to be
/// worth another try: it would be done twice.
bool is_not_now(const Error& error) {
  return error.code == Code::queue_full;
}

Result<Id> id_asked(const Call& call, std::string_view name) {
  const auto text = call.query(name);
  if (!text || text->empty()) return Id{0};
  const auto id = parse_id(*text);
  if (!id) return refuse(Refusal::invalid_request, std::string(name) + " is no message id");
  return *id;
}

}  // namespace

bool Caller::may_see(const Channel& channel) const {
  if (!filters) return true;
  if (channel.kind != ChannelKind::channel) {
    if (!filters->include_dms.value_or(true)) return false;
    const auto& only = filters->dm_conversation_ids;
    return !only || contains(*only, conversation_id(channel));
  }
  const bool has_ids = filters->channel_ids.has_value();
  const bool has_names = filters->channel_names.has_value();
  if (!has_ids && !has_names) return true;
  return (has_ids && contains(*filters->channel_ids, channel_id(channel))) ||
         (has_names && contains(*filters->channel_names, channel.name));
}

bool Caller::may_see_of(const Message& message) const {
  if (!filters) return true;
  const auto& authors = filters->agent_ids;
  if (authors && !contains(*authors, std::to_string(message.author))) return false;
  return message.id >= seen_from();
}

bool Caller::may_see_of(const WorkspaceEvent& event) const {
  if (!filters) return true;
  if (!StreamFilter(*filters).shows(facts_of(event))) return false;
  return first_id_at(event.at) >= seen_from();
}

Id Caller::seen_from() const {
  if (!filters || !filters->created_after) return 0;
  const auto time = parse_wire_time(*filters->created_after);
  return time ? first_id_at(*time) : 0;
}

const std::string& Call::parameter(std::string_view name) const {
  static const std::string kNone;
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return kNone;
}

Result<std::uint32_t> Call::limit(std::uint32_t usual, std::uint32_t most) const {
  const auto text = query("limit");
  if (!text || text->empty()) return usual;
  std::uint32_t number = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number == 0) {
    return refuse(Refusal::invalid_request, "limit is a number above 0");
  }
  return std::min(number, most);
}

Result<Page> Call::page(std::uint32_t usual, std::uint32_t most) const {
  Page page;
  auto rows = limit(usual, most);
  if (!rows) return fail(std::move(rows).error());
  page.limit = *rows;
  auto before = id_asked(*this, "before");
  if (!before) return fail(std::move(before).error());
  page.before = *before;
  auto after = id_asked(*this, "after");
  if (!after) return fail(std::move(after).error());
  const Id seen_from = caller.seen_from();
  page.after = std::max(*after, seen_from != 0 ? seen_from - 1 : 0);
  return page;
}

Result<wire::JsonDocument> Call::document() const {
  auto parsed = wire::JsonDocument::parse(text_or_empty_object(), wire::kInboundLimits);
  if (!parsed) return bad_body(std::move(parsed).error());
  if (parsed->root().kind() != wire::JsonView::Kind::object) {
    return refuse(Refusal::invalid_request, "the body is no object");
  }
  return parsed;
}

tl::unexpected<Error> Call::bad_body(Error error) {
  if (error.code == Code::invalid_json) {
    return refuse(Refusal::invalid_json, "Malformed JSON in request body");
  }
  return refuse(Refusal::invalid_request, std::move(error.message));
}

Result<std::optional<IdempotencyKey>> Call::key(const std::string& scope,
                                                std::string_view body) const {
  const auto sent = request.headers.get("Idempotency-Key");
  if (!sent) return std::optional<IdempotencyKey>();
  if (!is_key(*sent)) {
    return refuse(Refusal::invalid_idempotency_key,
                  "an Idempotency-Key is 1 to 255 visible ASCII characters");
  }
  IdempotencyKey key;
  key.scope = scope;
  key.key = std::string(*sent);
  key.body_hash = sha256_hex(body);
  return std::optional<IdempotencyKey>(std::move(key));
}

Answer good_json(const std::string& json, int status) {
  Answer answer;
  answer.status = status;
  JsonWriter out(answer.body);
  out.begin_object();
  out.field("ok", true);
  out.key("data");
  out.raw(json);
  out.end_object();
  out.finish();
  return answer;
}

Answer done() {
  Answer answer;
  answer.body = wire::encode_answer();
  return answer;
}

Answer nothing() {
  Answer answer;
  answer.status = 204;
  return answer;
}

Answer refused(const Error& error) {
  const Refusal refusal = refusal_of(error);
  wire::ApiError said;
  said.code = name_of(refusal);
  said.message = refusal == Refusal::internal_error ? "internal error" : error.message;
  Answer answer;
  answer.status = status_of(refusal);
  if (refusal == Refusal::internal_error && is_not_now(error)) {
    said.code = "unavailable";
    said.message = "the engine cannot do this now; try again";
    answer.status = 503;
    answer.retry_after = kRetryAfter;
  }
  answer.body = wire::encode_refusal(said);
  return answer;
}

Result<Agent> agent_asked(const Store& store, const Call& call) {
  return store.find_agent(call.workspace(), call.parameter("name"));
}

Result<Channel> channel_asked(const Store& store, const Call& call) {
  auto channel =
      store.find_channel(call.workspace(), std::string(without_hash(call.parameter("name"))));
  if (!channel || call.caller.may_see(*channel)) return channel;
  return refuse(Refusal::channel_not_found, "there is no channel #" + channel->name);
}

Result<Message> message_asked(const Store& store, const Call& call) {
  const auto none = [] { return refuse(Refusal::message_not_found, "there is no such message"); };
  const auto id = parse_id(call.parameter("id"));
  if (!id) return none();
  auto message = store.message(*id);
  if (!message) return message;
  if (message->workspace != call.workspace() || !call.caller.may_see_of(*message)) return none();
  if (call.caller.kind == CallerKind::workspace) return message;
  auto channel = store.channel(message->channel);
  if (!channel) return fail(std::move(channel).error());
  if (!call.caller.may_see(*channel)) return none();
  if (!call.by_agent()) return message;
  if (channel->kind == ChannelKind::channel) return message;
  auto inside = store.is_member(channel->id, call.agent().id);
  if (!inside) return fail(std::move(inside).error());
  if (!*inside) return none();
  return message;
}

Result<Channel> conversation_asked(const Store& store, const Call& call) {
  auto channel = store.find_conversation(call.workspace(), call.parameter("id"));
  if (channel && !call.caller.may_see(*channel)) {
    return refuse(Refusal::channel_not_found, "there is no such conversation");
  }
  if (!channel || !call.by_agent()) return channel;
  auto inside = store.is_member(channel->id, call.agent().id);
  if (!inside) return fail(std::move(inside).error());
  if (!*inside) return refuse(Refusal::forbidden, "you are not in this conversation");
  return channel;
}

Result<std::vector<MessageView>> visible_messages(const Store& store, const Call& call,
                                                  const Channel& channel, Page page) {
  return visible_rows<MessageView>(
      call.caller, page, &Page::before,
      [&](const Page& step) { return store.channel_messages(channel.id, step); },
      [](const MessageView& view) -> const Message& { return view.message; });
}

wire::Json json_texts(const std::vector<std::string>& texts) {
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_array();
    for (const auto& text : texts) out.value(text);
    out.end_array();
  });
}

}  // namespace relay::engine::rest
