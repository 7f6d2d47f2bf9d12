// Messages from people and programs of this machine.
#include "broker/api_messages.hpp"

#include <array>
#include <fmt/format.h>

#include "base/redaction.hpp"
#include "base/text.hpp"
#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/json_fields.hpp"
#include "broker/outbound.hpp"
#include "net/timeout.hpp"

namespace relay::broker {
namespace {

constexpr Duration kSendTime = std::chrono::seconds(30);

/// The names under which people at this machine speak: all of them are the broker.
bool is_person_here(const std::string& from, const WorkspaceFacts& workspace) {
  constexpr std::array<std::string_view, 3> kNames{"Dashboard", "human:Dashboard",
                                                   "human:orchestrator"};
  if (from.empty() || equal_ignoring_case(from, workspace.self_name)) return true;
  for (const auto name : kNames) {
    if (equal_ignoring_case(from, name)) return true;
  }
  return false;
}

std::string sender_of(const JsonFields& fields, const WorkspaceFacts& workspace) {
  std::string from = fields.text({"from"});
  if (!is_person_here(from, workspace)) return from;
  return workspace.self_name.empty() ? "human:orchestrator" : workspace.self_name;
}

Result<void> check_workspace(const JsonFields& fields, const WorkspaceFacts& workspace) {
  const std::string id = fields.text({"workspaceId", "workspace_id"});
  if (!id.empty() && id != workspace.id) {
    return fail(Code::invalid_argument, fmt::format("workspace '{}' is not joined", id),
                fmt::format("this broker is in {}", workspace.id));
  }
  const std::string alias = fields.text({"workspaceAlias", "workspace_alias"});
  if (!alias.empty() && !equal_ignoring_case(alias, workspace.alias)) {
    return fail(Code::invalid_argument, fmt::format("workspace alias '{}' is not joined", alias),
                fmt::format("this broker is in {}", workspace.id));
  }
  return {};
}

}  // namespace

Result<SendRequest> send_request(wire::JsonView body, const WorkspaceFacts& workspace) {
  const JsonFields fields(body);
  SendRequest request;
  request.to = fields.text({"to"});
  if (request.to.empty()) return fail(Code::invalid_argument, "Missing required field: to");
  request.text = fields.text({"message", "text", "body", "content"});
  if (request.text.empty()) {
    return fail(Code::invalid_argument, "Missing required field: message");
  }
  const std::string mode = fields.text({"mode", "injectionMode", "injection_mode"});
  if (!mode.empty() && mode != "wait" && mode != "steer") {
    return fail(Code::invalid_argument,
                fmt::format("invalid mode '{}'. expected 'wait' or 'steer'", mode));
  }
  request.steer = mode == "steer";
  request.thread_id = fields.text({"thread", "thread_id", "threadId"});
  request.thread_is_message = fields.flag({"thread_is_message"});
  request.from = sender_of(fields, workspace);
  request.from_agent = fields.flag({"from_agent", "fromAgent"});
  const auto known = check_workspace(fields, workspace);
  if (!known) return fail(known.error());
  return request;
}

void write_sent(JsonWriter& out, const SentMessage& sent, const WorkspaceFacts& workspace) {
  out.field("success", true);
  out.field("event_id", sent.event_id);
  out.field("delivered", std::uint64_t{sent.delivered});
  out.field("local", !sent.published);
  if (sent.published) out.field("relaycast_published", true);
  if (!sent.warning.empty()) out.field("warning", redact(sent.warning));
  out.field("workspace_id", workspace.id);
  text_or_null(out, "workspace_alias", workspace.alias);
}

namespace {

void refuse_send(net::Exchange* exchange, const std::string& to, Error error) {
  // In the peer's words, with the cause behind them.
  if (error.code == Code::timeout) {
    error.message = "broker request timed out: " + error.message;
    if (error.hint.empty()) error.hint = kPerhapsSent;
  }
  const bool nobody = error.code == Code::agent_not_found && error.detail.empty();
  if (nobody) {
    error.message =
        fmt::format("Agent \"{}\" not found and Relaycast publish failed: {}", to, error.message);
  }
  refuse_call(exchange, http_status_of(error.code), error, "to", to);
}

asio::awaitable<void> send(ApiContext* api, net::Exchange* exchange) {
  const auto body = json_body(exchange);
  if (!body) co_return;
  auto request = send_request(body->root(), *api->workspace);
  if (!request) {
    refuse_call(exchange, 400, request.error());
    co_return;
  }
  const SendRequest copy = *request;
  auto work = api->operations.send(std::move(*request));
  const auto sent = co_await net::with_timeout(std::move(work), kSendTime, "sending");
  if (!sent) {
    refuse_send(exchange, copy.to, sent.error());
    co_return;
  }
  api->threads.add(api->clock.wall(), copy.from, copy.to, copy.thread_id, copy.text);
  answer(exchange, [&](JsonWriter& out) { write_sent(out, *sent, *api->workspace); });
}

asio::awaitable<void> threads(ApiContext* api, net::Exchange* exchange) {
  answer(exchange, [&](JsonWriter& out) {
    out.key("threads");
    out.begin_array();
    for (const auto& thread : api->threads.list()) {
      out.begin_object();
      out.field("threadId", thread.id);
      out.field("name", thread.name);
      out.field("unreadCount", 0);
      out.field("lastMessage", thread.last_message);
      out.field("lastMessageAt", rfc3339(thread.last_at));
      out.end_object();
    }
    out.end_array();
  });
  co_return;
}

}  // namespace

void add_message_routes(ApiRoutes& routes) {
  routes.add("POST", "/api/send", send);
  routes.add("GET", "/api/threads", threads);
}

}  // namespace relay::broker
