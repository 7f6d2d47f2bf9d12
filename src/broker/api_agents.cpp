// Agents: started, listed, released, and what they listen to.
#include <algorithm>

#include "base/text.hpp"
#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/json_fields.hpp"
#include "broker/longest_grace.hpp"

namespace relay::broker {
namespace {

constexpr Duration kModelTime = std::chrono::seconds(5);
constexpr std::uint64_t kMostTimeMs = 60'000;
constexpr std::uint64_t kMostGraceMs = kLongestGrace / std::chrono::milliseconds(1);

asio::awaitable<void> spawn(ApiContext* api, net::Exchange* exchange) {
  // For its answers; the request reads the body itself.
  if (!json_body(exchange)) co_return;
  auto request = spawn_request_of_api(exchange->request().body);
  if (!request) {
    refuse_call(exchange, http_status_of(request.error().code), request.error());
    co_return;
  }
  const std::string name = request->name;
  const auto agent = co_await api->operations.spawn(std::move(*request));
  if (!agent) {
    refuse_call(exchange, http_status_of(agent.error().code), agent.error(), "name", name);
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) { write_spawned(out, *agent); });
}

asio::awaitable<void> list(ApiContext* api, net::Exchange* exchange) {
  const auto agents = api->operations.agents();
  answer(exchange, [&](JsonWriter& out) {
    out.key("agents");
    out.begin_array();
    for (const auto& agent : agents) write_agent(out, agent);
    out.end_array();
  });
  co_return;
}

/// The body may be missing, and says nothing that a release could fail for.
ReleaseRequest release_request(net::Exchange* exchange) {
  ReleaseRequest request{std::string(exchange->parameter("name"))};
  const auto body = wire::JsonDocument::parse(exchange->request().body, kApiLimits);
  if (!body || body->root().kind() != wire::JsonView::Kind::object) return request;
  const JsonFields fields(body->root());
  request.reason = fields.text({"reason"});
  request.delete_identity = fields.flag({"delete_identity", "deleteIdentity"});
  if (const auto grace = fields.number({"grace_ms", "graceMs"})) {
    request.grace = std::chrono::milliseconds(std::min(*grace, kMostGraceMs));
  }
  return request;
}

asio::awaitable<void> release(ApiContext* api, net::Exchange* exchange) {
  auto request = release_request(exchange);
  const std::string name = request.name;
  const auto released = co_await api->operations.release(std::move(request));
  // The peer's answer for a name that is not here as well.
  if (!released && released.error().code != Code::agent_not_found) {
    refuse_call(exchange, 500, released.error(), "name", name);
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("success", true);
    out.field("name", name);
    out.field("known", released && released->known);
    out.field("had_exited", released && released->had_exited);
    out.field("dropped", std::uint64_t{released ? released->dropped : 0});
  });
}

asio::awaitable<void> set_model(ApiContext* api, net::Exchange* exchange) {
  const auto body = object_body(exchange);
  if (!body) co_return;
  const auto model = needed_text(exchange, body->root(), "model");
  if (!model) co_return;
  const std::string name(exchange->parameter("name"));
  const std::string wanted(trim(*model));
  if (wanted.empty()) {
    const Error error(Code::invalid_argument, "model must not be empty");
    refuse_call(exchange, 400, error, "name", name);
    co_return;
  }
  Duration at_most = kModelTime;
  const auto ms = JsonFields(body->root()).number({"timeout_ms", "timeoutMs"});
  if (ms) at_most = std::chrono::milliseconds(std::min(*ms, kMostTimeMs));
  const auto done = co_await api->operations.set_model(name, wanted, at_most);
  if (!done) {
    auto error = done.error();
    if (error.code == Code::agent_not_found) error.message = "unknown worker '" + name + "'";
    refuse_call(exchange, http_status_of(error.code), error, "name", name);
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("name", name);
    out.field("model", wanted);
    out.field("success", true);
  });
}

using ChannelChange = Result<std::vector<std::string>> (Operations::*)(
    const std::string&, const std::vector<std::string>&);

void change_channels(ApiContext* api, net::Exchange* exchange, ChannelChange change) {
  const auto body = object_body(exchange);
  if (!body) return;
  const auto channels = needed_texts(exchange, body->root(), "channels");
  if (!channels) return;
  const std::string name(exchange->parameter("name"));
  const auto after = (api->operations.*change)(name, *channels);
  if (!after) return refuse_agent(exchange, name, after.error());
  answer(exchange, [&](JsonWriter& out) {
    out.field("name", name);
    texts(out, "channels", *after);
  });
}

asio::awaitable<void> subscribe(ApiContext* api, net::Exchange* exchange) {
  change_channels(api, exchange, &Operations::subscribe);
  co_return;
}

asio::awaitable<void> unsubscribe(ApiContext* api, net::Exchange* exchange) {
  change_channels(api, exchange, &Operations::unsubscribe);
  co_return;
}

}  // namespace

void add_agent_routes(ApiRoutes& routes) {
  routes.add("POST", "/api/spawn", spawn);
  routes.add("GET", "/api/spawned", list);
  routes.add("DELETE", "/api/spawned/{name}", release);
  routes.add("POST", "/api/spawned/{name}/model", set_model);
  routes.add("POST", "/api/spawned/{name}/subscribe", subscribe);
  routes.add("POST", "/api/spawned/{name}/unsubscribe", unsubscribe);
}

}  // namespace relay::broker
