// GET /api/input/{name}/stream[?driver=NAME]: keys for a terminal, each message answered in its
// order.
//
// With `driver` it is a person's terminal that types: binary messages are taken byte for byte, and
// `pty_drivers` says who else does.
#include <fmt/format.h>
#include <optional>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_stream.hpp"
#include "broker/api_terminal.hpp"

namespace relay::broker {
namespace {

constexpr Duration kBetweenKeys = std::chrono::hours(1);

std::string input_note(std::string_view type, const std::string& name,
                       std::optional<std::size_t> written) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("type", type);
  out.field("name", name);
  if (written) out.field("bytes_written", std::uint64_t{*written});
  out.end_object();
  out.finish();
  return json;
}

/// The keys in a message: all of it, or the `data` of a `pty_input`.
Result<std::string> keys_of(net::WsMessage message, bool any_bytes) {
  if (!message.is_text) {
    if (any_bytes || is_valid_utf8(message.payload)) return std::move(message.payload);
    return fail(Code::invalid_argument, "binary input must be UTF-8");
  }
  if (!trim(message.payload).starts_with('{')) return std::move(message.payload);
  const auto document = wire::JsonDocument::parse(message.payload, kApiLimits);
  if (!document) return std::move(message.payload);
  const auto type = document->root().find("type");
  if (!type || type->string() != "pty_input") return std::move(message.payload);
  const auto data = document->root().find("data");
  const auto keys = data ? data->string() : std::nullopt;
  if (!keys) return fail(Code::invalid_argument, "pty_input needs a string `data`");
  return std::string(*keys);
}

std::string refused_keys(const std::string& name, const Error& error) {
  if (error.code == Code::agent_not_found) {
    return stream_error("pty_input", "agent_not_found", "unknown worker '" + name + "'", 404,
                        false);
  }
  const auto [status, code] = terminal_refusal(error.code);
  const bool again = error.code == Code::queue_full || error.code == Code::timeout;
  return stream_error("pty_input", code, error.message, status, again);
}

/// Whether a terminal that refused keys may take others.
bool goes_on_after(Code code) {
  return code == Code::queue_full || code == Code::timeout || code == Code::invalid_argument;
}

/// One message and its answer. False when the conversation is over.
asio::awaitable<bool> take_keys(ApiContext* api, SocketPtr socket, std::string name, bool any_bytes,
                                net::WsMessage message) {
  auto keys = keys_of(std::move(message), any_bytes);
  if (!keys) {
    auto refusal = stream_error("pty_input", "invalid_input", keys.error().message, 400, false);
    const auto sent = co_await socket->send(std::move(refusal), kStreamSendTime);
    co_return sent.has_value();
  }
  const auto written = co_await api->operations.type(name, std::move(*keys));
  auto note =
      written ? input_note("pty_input_ack", name, *written) : refused_keys(name, written.error());
  const auto sent = co_await socket->send(std::move(note), kStreamSendTime);
  co_return sent && (written || goes_on_after(written.error().code));
}

asio::awaitable<void> take_input(ApiContext* api, SocketPtr socket, std::string name,
                                 std::string driver) {
  const auto agent = api->operations.agent(name);
  auto first =
      agent ? input_note("pty_input_ready", name, std::nullopt) : refused_keys(name, agent.error());
  const auto sent = co_await socket->send(std::move(first), kStreamSendTime);
  bool more = agent && sent;
  std::optional<Drivers::Seat> seat;
  const bool any_bytes = !driver.empty();
  if (more && any_bytes) {
    // Who does not read gets the next list, if there is one.
    Drivers::Tell tell = [socket](const std::string& json) { (void)socket->try_send(json); };
    seat.emplace(api->drivers, name, std::move(driver), std::move(tell));
  }
  while (more) {
    auto message = co_await socket->receive(kBetweenKeys);
    if (message) {
      more = co_await take_keys(api, socket, name, any_bytes, std::move(*message));
    } else {
      more = message.error().code == Code::timeout;
    }
  }
}

/// The end that a client sees when nobody cancelled.
asio::awaitable<void> take_input_and_close(ApiContext* api, SocketPtr socket, std::string name,
                                           std::string driver) {
  co_await take_input(api, socket, std::move(name), std::move(driver));
  co_await socket->close(net::ws_close::kNormal, std::string());
}

asio::awaitable<void> input_stream(ApiContext* api, net::Exchange* exchange) {
  std::string name(exchange->parameter("name"));
  std::string driver = exchange->request().query_value("driver").value_or("");
  if (driver.size() > Drivers::kMostName || !is_valid_utf8(driver)) {
    refuse(exchange, 400, "invalid_request",
           fmt::format("driver must be UTF-8 of at most {} bytes", Drivers::kMostName));
    co_return;
  }
  const auto socket = co_await open_stream(api, exchange);
  if (!socket) co_return;
  hold_stream(api, socket, take_input_and_close(api, socket, std::move(name), std::move(driver)));
}

}  // namespace

void add_input_stream_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/input/{name}/stream", input_stream);
}

}  // namespace relay::broker
