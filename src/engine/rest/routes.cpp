#include "engine/rest/routes.hpp"

#include <array>
#include <memory>
#include <utility>

#include "engine/event_log.hpp"
#include "engine/rest/caller.hpp"
#include "engine/rest/operations.hpp"
#include "engine/subscribers.hpp"
#include "net/http_exchange.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::engine {
namespace {

using rest::Answer;
using rest::Needs;

constexpr std::size_t kBodyMost = std::size_t{1} << 20U;

using Write = Result<Answer> (*)(Store&, rest::Call&);
using Read = Result<Answer> (*)(const Store&, rest::Call&);

/// One route. With both, `write` goes first, as often as it says `again`, and `read` answers.
struct Operation {
  const char* method;
  const char* pattern;
  Needs needs;
  /// Observer tokens with it may ask too; empty: none may.
  const char* scope;
  Write write;
  Read read;
  std::size_t body_most = kBodyMost;
};

constexpr Operation writes(const char* method, const char* pattern, Needs needs, Write write) {
  return Operation{method, pattern, needs, "", write, nullptr};
}
constexpr Operation reads(const char* pattern, Needs needs, const char* scope, Read read) {
  return Operation{"GET", pattern, needs, scope, nullptr, read};
}

constexpr std::array kOperations{
    writes("POST", "/v1/workspaces", Needs::maybe_workspace, rest::create_workspace),
    reads("/v1/workspaces/by-name/{name}", Needs::nobody, "", rest::workspace_by_name),
    reads("/v1/workspace", Needs::workspace, "stream:read", rest::show_workspace),
    writes("PATCH", "/v1/workspace", Needs::workspace, rest::update_workspace),
    writes("DELETE", "/v1/workspace", Needs::workspace, rest::delete_workspace),
    Operation{"GET", "/v1/workspace/events", Needs::workspace, "stream:read", rest::begin_event_log,
              rest::list_workspace_events},
    reads("/v1/workspace/system-prompt", Needs::any, "", rest::show_system_prompt),
    writes("PUT", "/v1/workspace/system-prompt", Needs::workspace, rest::put_system_prompt),
    reads("/v1/workspace/fleet-nodes", Needs::workspace, "", rest::show_fleet_nodes),
    writes("PUT", "/v1/workspace/fleet-nodes", Needs::workspace, rest::put_fleet_nodes),
    reads("/v1/activity", Needs::workspace, "activity:read", rest::list_activity),

    writes("POST", "/v1/observer-tokens", Needs::workspace, rest::create_observer),
    reads("/v1/observer-tokens", Needs::workspace, "", rest::list_observers),
    reads("/v1/observer-tokens/{id}", Needs::workspace, "", rest::show_observer),
    writes("PATCH", "/v1/observer-tokens/{id}", Needs::workspace, rest::update_observer),
    writes("POST", "/v1/observer-tokens/{id}/rotate", Needs::workspace, rest::rotate_observer),
    writes("DELETE", "/v1/observer-tokens/{id}", Needs::workspace, rest::delete_observer),

    writes("POST", "/v1/agents", Needs::workspace, rest::register_agent),
    reads("/v1/agents", Needs::workspace, "agents:read", rest::list_agents),
    reads("/v1/agents/presence", Needs::any, "", rest::list_presence),
    writes("POST", "/v1/agents/heartbeat", Needs::agent, rest::beat_agent),
    writes("POST", "/v1/agents/disconnect", Needs::agent, rest::disconnect_agent),
    writes("POST", "/v1/agents/spawn", Needs::any, rest::spawn_agent),
    writes("POST", "/v1/agents/release", Needs::any, rest::release_agent),
    reads("/v1/agents/{name}", Needs::workspace, "agents:read", rest::show_agent),
    writes("PATCH", "/v1/agents/{name}", Needs::workspace, rest::update_agent),
    writes("DELETE", "/v1/agents/{name}", Needs::workspace, rest::delete_agent),
    writes("POST", "/v1/agents/{name}/rotate-token", Needs::workspace, rest::rotate_agent_token),
    writes("POST", "/v1/agents/{name}/events", Needs::any, rest::post_agent_event),
    reads("/v1/agents/{name}/events", Needs::workspace, "agents:read", rest::list_agent_events),
    reads("/v1/agent", Needs::agent, "", rest::show_self),
    writes("POST", "/v1/agent/node-token", Needs::agent, rest::mint_node_token),

    writes("POST", "/v1/channels", Needs::any, rest::create_channel),
    reads("/v1/channels", Needs::any, "channels:read", rest::list_channels),
    reads("/v1/channels/{name}", Needs::any, "channels:read", rest::show_channel),
    writes("PATCH", "/v1/channels/{name}", Needs::any, rest::update_channel),
    writes("PATCH", "/v1/channels/{name}/topic", Needs::any, rest::update_channel),
    writes("DELETE", "/v1/channels/{name}", Needs::any, rest::archive_channel),
    writes("POST", "/v1/channels/{name}/join", Needs::agent, rest::join_channel),
    writes("POST", "/v1/channels/{name}/leave", Needs::agent, rest::leave_channel),
    reads("/v1/channels/{name}/members", Needs::any, "channels:read", rest::list_members),
    writes("POST", "/v1/channels/{name}/invite", Needs::agent, rest::invite_member),
    writes("POST", "/v1/channels/{name}/mute", Needs::agent, rest::mute_channel),
    writes("POST", "/v1/channels/{name}/unmute", Needs::agent, rest::unmute_channel),
    reads("/v1/channels/{name}/read-status", Needs::any, "", rest::show_read_status),
    writes("POST", "/v1/channels/{name}/messages", Needs::acting_agent, rest::post_message),
    reads("/v1/channels/{name}/messages", Needs::any, "messages:read", rest::list_messages),

    reads("/v1/messages/{id}", Needs::any, "messages:read", rest::show_message),
    writes("POST", "/v1/messages/{id}/replies", Needs::agent, rest::post_reply),
    reads("/v1/messages/{id}/replies", Needs::any, "threads:read", rest::list_replies),
    writes("POST", "/v1/messages/{id}/reactions", Needs::agent, rest::add_reaction),
    writes("DELETE", "/v1/messages/{id}/reactions/{emoji}", Needs::agent, rest::remove_reaction),
    reads("/v1/messages/{id}/reactions", Needs::any, "reactions:read", rest::list_reactions),
    writes("POST", "/v1/messages/{id}/read", Needs::agent, rest::mark_read),
    reads("/v1/messages/{id}/readers", Needs::any, "", rest::list_readers),

    writes("POST", "/v1/dm", Needs::agent, rest::send_dm),
    reads("/v1/dm/conversations", Needs::agent, "", rest::list_conversations),
    reads("/v1/dm/conversations/all", Needs::workspace, "dms:read", rest::list_all_conversations),
    reads("/v1/dm/conversations/{id}/messages", Needs::workspace, "dms:read",
          rest::list_conversation_messages),
    writes("POST", "/v1/dm/group", Needs::agent, rest::create_group),
    writes("POST", "/v1/dm/{id}/messages", Needs::agent, rest::send_to_conversation),
    reads("/v1/dm/{id}/messages", Needs::agent, "", rest::list_conversation_messages),
    writes("POST", "/v1/dm/{id}/participants", Needs::agent, rest::add_participant),
    writes("DELETE", "/v1/dm/{id}/participants/{agent}", Needs::agent, rest::remove_participant),

    writes("GET", "/v1/inbox", Needs::agent, rest::show_inbox),
    Operation{"GET", "/v1/search", Needs::any, "search:read", rest::prepare_search,
              rest::search_messages},

    writes("GET", "/v1/deliveries", Needs::agent, rest::list_deliveries),
    writes("POST", "/v1/deliveries/{id}/ack", Needs::agent, rest::ack_delivery),
    writes("POST", "/v1/deliveries/{id}/fail", Needs::agent, rest::fail_delivery),
    writes("POST", "/v1/deliveries/{id}/defer", Needs::agent, rest::defer_delivery),

    writes("POST", "/v1/actions", Needs::any, rest::register_action),
    reads("/v1/actions", Needs::any, "", rest::list_actions),
    reads("/v1/actions/{name}", Needs::any, "", rest::show_action),
    writes("DELETE", "/v1/actions/{name}", Needs::any, rest::delete_action),
    writes("POST", "/v1/actions/{name}/invoke", Needs::acting_agent, rest::invoke_action),
    writes("POST", "/v1/actions/{name}/invocations/{id}/complete", Needs::any,
           rest::complete_invocation),
    reads("/v1/actions/{name}/invocations/{id}", Needs::any, "", rest::show_invocation),

    writes("POST", "/v1/nodes", Needs::workspace, rest::enroll_node),
    reads("/v1/nodes", Needs::any, "nodes:read", rest::list_nodes),
    reads("/v1/nodes/{name}", Needs::any, "nodes:read", rest::show_node),
    reads("/v1/nodes/{name}/agents", Needs::any, "nodes:read", rest::list_node_agents),
    writes("POST", "/v1/nodes/{name}/agents", Needs::workspace, rest::bind_agent),
    writes("DELETE", "/v1/nodes/{name}/agents/{agent}", Needs::workspace, rest::unbind_agent),

    writes("POST", "/v1/triggers", Needs::any, rest::create_trigger),
    reads("/v1/triggers", Needs::any, "", rest::list_triggers),
    reads("/v1/triggers/{id}", Needs::any, "", rest::show_trigger),
    writes("PATCH", "/v1/triggers/{id}", Needs::any, rest::update_trigger),
    writes("DELETE", "/v1/triggers/{id}", Needs::any, rest::delete_trigger),

    writes("POST", "/v1/webhooks", Needs::workspace, rest::create_webhook),
    reads("/v1/webhooks", Needs::workspace, "", rest::list_webhooks),
    writes("DELETE", "/v1/webhooks/{id}", Needs::workspace, rest::delete_webhook),
    writes("POST", "/v1/hooks/{id}", Needs::nobody, rest::call_webhook),
    writes("POST", "/v1/subscriptions", Needs::workspace, rest::create_subscription),
    reads("/v1/subscriptions", Needs::workspace, "", rest::list_subscriptions),
    reads("/v1/subscriptions/{id}", Needs::workspace, "", rest::show_subscription),
    writes("DELETE", "/v1/subscriptions/{id}", Needs::workspace, rest::delete_subscription),

    writes("POST", "/v1/files/upload", Needs::agent, rest::begin_upload),
    reads("/v1/files", Needs::any, "files:read", rest::list_files),
    reads("/v1/files/{id}", Needs::any, "files:read", rest::show_file),
    writes("POST", "/v1/files/{id}/complete", Needs::agent, rest::complete_upload),
    writes("DELETE", "/v1/files/{id}", Needs::agent, rest::delete_file),
    Operation{"PUT", "/v1/files/{id}/content", Needs::nobody, "", rest::put_content, nullptr,
              rest::kMostFileBytes},
    reads("/v1/files/{id}/content", Needs::nobody, "", rest::show_content),
};

Result<void> admit(const Store& store, const Operation& operation, rest::Call& call) {
  auto caller = rest::resolve(store, call.request.headers, operation.needs, operation.scope);
  if (!caller) return fail(std::move(caller).error());
  call.caller = *std::move(caller);
  call.to.workspace = call.caller.workspace;
  return {};
}

/// What it has caused goes into the log, and what subscriptions want of it into their outbox.
Result<void> queue(Store& store, rest::Call& call) {
  auto logged = log_events(store, call.to);
  if (!logged) return logged;
  auto queued = queue_for_subscribers(store, call.to);
  if (!queued) return fail(std::move(queued).error());
  call.is_outbound = queued->any;
  call.full_outboxes = std::move(queued->full);
  return {};
}

Result<Answer> written(Store& store, const Operation& operation, rest::Call& call) {
  auto admitted = admit(store, operation, call);
  if (admitted && rest::is_to_be_touched(store, call.caller)) admitted = rest::touch(store, call);
  if (!admitted) return fail(std::move(admitted).error());
  auto answer = operation.write(store, call);
  // A webhook names its workspace itself.
  call.to.workspace = call.caller.workspace;
  if (!answer) return answer;
  auto queued = queue(store, call);
  if (!queued) return fail(std::move(queued).error());
  return answer;
}

Result<Answer> read(const Store& store, const Operation& operation, rest::Call& call,
                    bool& touch_due) {
  auto admitted = admit(store, operation, call);
  if (!admitted) return fail(std::move(admitted).error());
  touch_due = rest::is_to_be_touched(store, call.caller);
  return operation.read(store, call);
}

std::function<Result<Answer>(Store&)> writing(const Operation* operation,
                                              std::shared_ptr<rest::Call> call) {
  return [operation, call = std::move(call)](Store& store) {
    return written(store, *operation, *call);
  };
}

std::function<Result<Answer>(Store&)> touching(std::shared_ptr<rest::Call> call) {
  return [call = std::move(call)](Store& store) -> Result<Answer> {
    auto touched = rest::touch(store, *call);
    if (!touched) return fail(std::move(touched).error());
    auto queued = queue(store, *call);
    if (!queued) return fail(std::move(queued).error());
    return Answer();
  };
}

std::function<Result<Answer>(const Store&)> reading(const Operation* operation,
                                                    std::shared_ptr<rest::Call> call,
                                                    std::shared_ptr<bool> touch_due) {
  return [operation, call = std::move(call), due = std::move(touch_due)](const Store& store) {
    return read(store, *operation, *call, *due);
  };
}

/// The names in braces, in their order.
std::vector<std::string> parameters_in(std::string_view pattern) {
  std::vector<std::string> names;
  for (auto at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at)) {
    const auto end = pattern.find('}', at);
    names.emplace_back(pattern.substr(at + 1, end - at - 1));
    at = end;
  }
  return names;
}

std::shared_ptr<rest::Call> call_of(const RestContext& context, const Operation& operation,
                                    net::Exchange& exchange) {
  auto call = std::make_shared<rest::Call>(context.random);
  auto& request = exchange.request();
  std::string body = std::move(request.body);
  call->request = request;
  call->request.body = std::move(body);
  for (auto& name : parameters_in(operation.pattern)) {
    std::string value(exchange.parameter(name));
    call->parameters.emplace_back(std::move(name), std::move(value));
  }
  return call;
}

void add_headers(net::HttpResponse& response) {
  response.headers.add("Access-Control-Allow-Origin", "*");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("Cache-Control", "no-store");
}

void put_answer(net::Exchange& exchange, Answer answer) {
  net::HttpResponse response(answer.status);
  if (answer.status != 204) {
    response = net::HttpResponse(answer.status, answer.content_type, std::move(answer.body));
  }
  if (answer.retry_after != 0) {
    response.headers.add("Retry-After", std::to_string(answer.retry_after));
  }
  if (answer.replayed) response.headers.add("Idempotency-Replayed", "true");
  add_headers(response);
  exchange.respond(std::move(response));
}

void note_failure(const RestContext& context, const Operation& operation, const Error& error) {
  if (!context.on_failure || refusal_of(error) != Refusal::internal_error) return;
  context.on_failure(std::string(operation.method) + " " + operation.pattern + ": " +
                     error.message);
}

/// What an operation has caused, once it is durable.
void tell(const RestContext& context, rest::Call& call) {
  context.tell(std::exchange(call.to, Happenings()));
  if (std::exchange(call.is_outbound, false) && context.wake_outbox) context.wake_outbox();
  if (!context.on_failure) return;
  for (const Id id : std::exchange(call.full_outboxes, {})) {
    context.on_failure(full_outbox_note(id));
  }
}

/// Tells also what is done after nobody waits for it any more.
asio::awaitable<Result<Answer>> write(const RestContext* context, std::shared_ptr<rest::Call> call,
                                      std::function<Result<Answer>(Store&)> work) {
  std::function<void(Answer&)> late = [context, call](Answer&) { tell(*context, *call); };
  auto writing = context->store.write<Answer>(std::move(work), std::move(late));
  auto answer = co_await std::move(writing);
  if (answer) tell(*context, *call);
  co_return answer;
}

asio::awaitable<void> answer_request(const RestContext* context, const Operation* operation,
                                     net::Exchange* exchange) {
  auto call = call_of(*context, *operation, *exchange);
  auto touch_due = std::make_shared<bool>(false);
  Result<Answer> answer = Answer();
  if (operation->write != nullptr) {
    bool again = true;
    while (again) {
      auto written = write(context, call, writing(operation, call));
      answer = co_await std::move(written);
      again = answer && answer->again;
    }
  }
  if (answer && operation->read != nullptr) {
    auto work = reading(operation, call, touch_due);
    answer = co_await context->store.read<Answer>(std::move(work));
  }
  if (*touch_due) {
    auto touched = write(context, call, touching(call));
    (void)co_await std::move(touched);
  }
  if (!answer) {
    note_failure(*context, *operation, answer.error());
    answer = rest::refused(answer.error());
  }
  put_answer(*exchange, *std::move(answer));
}

asio::awaitable<void> answer_health(const RestContext* context, net::Exchange* exchange) {
  wire::Health health;
  health.ok = true;
  health.version = context->version;
  health.build = context->build;
  Answer answer;
  answer.body = wire::encode_body(health);
  put_answer(*exchange, std::move(answer));
  co_return;
}

}  // namespace

std::vector<net::Route> rest_routes(const RestContext& context) {
  std::vector<net::Route> routes;
  routes.reserve(kOperations.size() + 1);
  const RestContext* const shared = &context;
  for (const auto& operation : kOperations) {
    const Operation* const each = &operation;
    routes.emplace_back(
        each->method, each->pattern,
        [shared, each](net::Exchange* exchange) { return answer_request(shared, each, exchange); },
        each->body_most);
  }
  routes.emplace_back("GET", "/health", [shared](net::Exchange* exchange) {
    return answer_health(shared, exchange);
  });
  return routes;
}

std::optional<net::HttpResponse> rest_preflight(const net::HttpRequest& request) {
  if (request.method != "OPTIONS") return std::nullopt;
  net::HttpResponse response(204);
  add_headers(response);
  response.headers.add("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
  response.headers.add("Access-Control-Allow-Headers", "*, Authorization");
  response.headers.add("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace relay::engine
