// Terminals, one question at a time: keys, size, picture.
#include "broker/api_terminal.hpp"

#include <fmt/format.h>

#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/json_fields.hpp"
#include "pty/screen/snapshot.hpp"

namespace relay::broker {
namespace {

void refuse_terminal(net::Exchange* exchange, std::string_view name, const Error& error) {
  if (error.code == Code::agent_not_found) return refuse_agent(exchange, name, error);
  const auto [status, code] = terminal_refusal(error.code);
  refuse(exchange, status, code, error);
}

asio::awaitable<void> type(ApiContext* api, net::Exchange* exchange) {
  const auto body = object_body(exchange);
  if (!body) co_return;
  auto keys = needed_text(exchange, body->root(), "data");
  if (!keys) co_return;
  const std::string name(exchange->parameter("name"));
  const auto written = co_await api->operations.type(name, std::move(*keys));
  if (!written) {
    refuse_terminal(exchange, name, written.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("name", name);
    out.field("bytes_written", std::uint64_t{*written});
  });
}

asio::awaitable<void> human_done(ApiContext* api, net::Exchange* exchange) {
  const std::string name(exchange->parameter("name"));
  const auto done = api->operations.human_done(name);
  if (!done) {
    refuse_terminal(exchange, name, done.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) { out.field("name", name); });
}

/// Nothing when the request is answered.
std::optional<pty::SizeRequest> size_request(net::Exchange* exchange) {
  const auto body = object_body(exchange);
  if (!body) return std::nullopt;
  const JsonFields fields(body->root());
  pty::SizeRequest request;
  request.viewer = fields.text({"session_id", "sessionId"});
  request.release = fields.flag({"release"});
  // Who goes away need not name a size.
  if (request.release && !body->root().find("rows") && !body->root().find("cols")) return request;
  const auto rows = needed_u16(exchange, body->root(), "rows");
  if (!rows) return std::nullopt;
  const auto columns = needed_u16(exchange, body->root(), "cols");
  if (!columns) return std::nullopt;
  request.rows = *rows;
  request.columns = *columns;
  if (!request.release && (*rows == 0 || *columns == 0)) {
    refuse(exchange, 400, "invalid_request",
           fmt::format("invalid_dimensions: rows and cols must be greater than zero (got {}x{})",
                       *rows, *columns));
    return std::nullopt;
  }
  return request;
}

asio::awaitable<void> resize(ApiContext* api, net::Exchange* exchange) {
  const auto request = size_request(exchange);
  if (!request) co_return;
  const std::string name(exchange->parameter("name"));
  const auto size = api->operations.resize(name, *request);
  if (!size) {
    refuse_terminal(exchange, name, size.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("name", name);
    if (request->release) {
      out.field("released", size->released);
      out.field("resized", size->apply);
    } else {
      out.field("rows", request->rows);
      out.field("cols", request->columns);
      out.field("applied", size->apply);
      if (!size->apply) out.field("reason", std::string_view(size->reason));
    }
  });
}

asio::awaitable<void> snapshot(ApiContext* api, net::Exchange* exchange) {
  const std::string name(exchange->parameter("name"));
  std::string format = exchange->request().query_value("format").value_or("plain");
  if (format.empty() || format == "text") format = "plain";
  if (format != "plain" && format != "ansi" && format != "svg") {
    refuse(exchange, 400, "invalid_format",
           fmt::format("invalid snapshot format '{}' (expected 'plain', 'ansi' or 'svg')", format));
    co_return;
  }
  const auto view = api->operations.screen(name);
  if (!view) {
    refuse_terminal(exchange, name, view.error());
    co_return;
  }
  std::string screen;
  if (format == "plain") screen = pty::plain_snapshot(*view);
  if (format == "ansi") screen = base64(pty::ansi_snapshot(*view));
  if (format == "svg") screen = pty::svg_snapshot(*view);
  answer(exchange, [&](JsonWriter& out) {
    out.field("format", format);
    out.field("rows", view->rows);
    out.field("cols", view->columns);
    out.key("cursor");
    out.begin_array();
    out.value(view->cursor_row + 1);
    out.value(view->cursor_column + 1);
    out.end_array();
    out.field("screen", screen);
    out.field("offset", view->offset);
  });
}

}  // namespace

TerminalRefusal terminal_refusal(Code code) {
  switch (code) {
    case Code::agent_not_found: return {404, "agent_not_found"};
    case Code::queue_full: return {503, "pty_write_queue_full"};
    case Code::timeout: return {504, "worker_timeout"};
    case Code::connection_closed: return {503, "worker_disappeared"};
    default: return {http_status_of(code), name_of(code)};
  }
}

void add_terminal_routes(ApiRoutes& routes) {
  routes.add("POST", "/api/input/{name}", type);
  routes.add("POST", "/api/input/{name}/done", human_done);
  routes.add("POST", "/api/resize/{name}", resize);
  routes.add("GET", "/api/spawned/{name}/snapshot", snapshot);
}

}  // namespace relay::broker
