// What agents hand in, each with the token that it was given for that and nothing else.
#include "base/text.hpp"
#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/json_fields.hpp"

namespace relay::broker {
namespace {

Secret result_token(const net::Headers& headers) {
  if (headers.count("X-Agent-Result-Token") == 1) {
    return Secret(trim(*headers.get("X-Agent-Result-Token")));
  }
  const auto bearer = net::bearer_token(headers);
  return bearer ? Secret(*bearer) : Secret();
}

void refuse_result(net::Exchange* exchange, const Error& error) {
  if (error.code == Code::unauthorized || error.code == Code::agent_not_found) {
    return refuse_call(exchange, 401, "invalid_result_token", "invalid_result_token");
  }
  refuse_call(exchange, http_status_of(error.code), error);
}

asio::awaitable<void> hand_in(ApiContext* api, net::Exchange* exchange) {
  HandedIn result;
  result.token = result_token(exchange->request().headers);
  if (result.token.empty()) {
    refuse_call(exchange, 401, "missing_result_token", "missing_result_token");
    co_return;
  }
  const auto body = json_body(exchange);
  if (!body) co_return;
  const JsonFields fields(body->root());
  auto data = body->root().find("data");
  if (!data) data = body->root().find("result");
  if (!data) {
    const Error error(Code::invalid_argument, "Missing required field: data");
    refuse_call(exchange, 400, error);
    co_return;
  }
  result.data = data->json();
  result.name = fields.text({"name", "agent"});
  const auto final = fields.any({"final", "final_result", "finalResult"});
  if (final) result.final = final->boolean().value_or(true);
  if (const auto metadata = fields.any({"metadata"})) result.metadata = metadata->json();
  const auto accepted = api->operations.hand_in(std::move(result));
  if (!accepted) {
    refuse_result(exchange, accepted.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("success", true);
    out.field("name", accepted->name);
    out.field("result_id", accepted->result_id);
  });
}

}  // namespace

void add_reply_routes(ApiRoutes& routes) {
  routes.add("POST", "/api/agent-result", hand_in);
}

}  // namespace relay::broker
