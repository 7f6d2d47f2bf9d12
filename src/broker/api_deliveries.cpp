// Messages on their way to an agent: how they come, which wait, letting them go.
#include <charconv>
#include <fmt/format.h>

#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/json_fields.hpp"

namespace relay::broker {
namespace {

std::optional<DeliveryMode> mode_named(std::string_view name) {
  if (name == "auto_inject") return DeliveryMode::auto_inject;
  if (name == "manual_flush") return DeliveryMode::manual_flush;
  return std::nullopt;
}

void refuse_mode(net::Exchange* exchange, std::string_view mode) {
  refuse(
      exchange, 400, "invalid_mode",
      fmt::format("invalid delivery mode '{}' (expected 'auto_inject' or 'manual_flush')", mode));
}

/// A number, or its digits: JavaScript cannot hold every revision as a number.
std::optional<std::uint64_t> revision_of(wire::JsonView value) {
  if (const auto number = value.unsigned_integer()) return number;
  const auto text = value.string();
  std::uint64_t number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (text->empty() || error != std::errc() || end != text->data() + text->size()) {
    return std::nullopt;
  }
  return number;
}

/// Nothing when the request is answered.
std::optional<ModeChange> mode_change(net::Exchange* exchange) {
  const auto body = object_body(exchange);
  if (!body) return std::nullopt;
  const auto name = needed_text(exchange, body->root(), "mode");
  if (!name) return std::nullopt;
  ModeChange change;
  const auto mode = mode_named(*name);
  if (!mode) {
    refuse_mode(exchange, *name);
    return std::nullopt;
  }
  change.mode = *mode;
  const JsonFields fields(body->root());
  if (fields.any({"expected_mode", "expectedMode"})) {
    const std::string expected = fields.text({"expected_mode", "expectedMode"});
    change.expected_mode = mode_named(expected);
    if (!change.expected_mode) {
      refuse_mode(exchange, expected);
      return std::nullopt;
    }
  }
  if (const auto expected = fields.any({"expected_revision", "expectedRevision"})) {
    change.expected_revision = revision_of(*expected);
    if (!change.expected_revision) {
      refuse(exchange, 400, "invalid_revision", "expected_revision must be a whole number");
      return std::nullopt;
    }
  }
  return change;
}

asio::awaitable<void> get_mode(ApiContext* api, net::Exchange* exchange) {
  const std::string name(exchange->parameter("name"));
  const auto agent = api->operations.agent(name);
  if (!agent) {
    refuse_agent(exchange, name, agent.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("mode", name_of(agent->mode));
    out.field("revision", agent->mode_revision);
  });
}

asio::awaitable<void> put_mode(ApiContext* api, net::Exchange* exchange) {
  const auto change = mode_change(exchange);
  if (!change) co_return;
  const std::string name(exchange->parameter("name"));
  const auto changed = co_await api->operations.set_mode(name, *change);
  if (!changed) {
    refuse_agent(exchange, name, changed.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("mode", name_of(changed->mode));
    out.field("flushed", std::uint64_t{changed->flushed});
    out.field("revision", changed->revision);
    out.field("matched", changed->matched);
  });
}

void write_waiting(JsonWriter& out, const PendingMessage& message, const WorkspaceFacts& home) {
  out.begin_object();
  out.field("from", message.from);
  out.field("body", message.body);
  out.field("target", message.target);
  out.field("priority", message.priority);
  out.field("mode", message.mode);
  out.field("queued_at_ms", unix_ms(message.queued));
  if (!message.thread_id.empty()) out.field("thread_id", message.thread_id);
  out.field("workspace_id", home.id);
  if (!home.alias.empty()) out.field("workspace_alias", home.alias);
  if (!message.event_id.empty()) out.field("event_id", message.event_id);
  out.field("delivery_id", message.delivery_id);
  out.field("attempts", message.attempts);
  out.end_object();
}

asio::awaitable<void> pending(ApiContext* api, net::Exchange* exchange) {
  const std::string name(exchange->parameter("name"));
  const auto messages = api->operations.pending(name);
  if (!messages) {
    refuse_agent(exchange, name, messages.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.key("pending");
    out.begin_array();
    for (const auto& message : *messages) write_waiting(out, message, *api->workspace);
    out.end_array();
  });
}

asio::awaitable<void> flush(ApiContext* api, net::Exchange* exchange) {
  const std::string name(exchange->parameter("name"));
  const auto flushed = co_await api->operations.flush(name);
  if (!flushed) {
    refuse_agent(exchange, name, flushed.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) { out.field("flushed", std::uint64_t{*flushed}); });
}

}  // namespace

void add_delivery_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/spawned/{name}/delivery-mode", get_mode);
  routes.add("PUT", "/api/spawned/{name}/delivery-mode", put_mode);
  routes.add("GET", "/api/spawned/{name}/pending", pending);
  routes.add("POST", "/api/spawned/{name}/flush", flush);
}

}  // namespace relay::broker
