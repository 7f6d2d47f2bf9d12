#include "broker/api_stream.hpp"

#include <asio/this_coro.hpp>
#include <system_error>

#include "base/json_writer.hpp"
#include "base/redaction.hpp"
#include "broker/api_answer.hpp"
#include "net/ws_handshake.hpp"

namespace relay::broker {
namespace {

constexpr Duration kLongest = std::chrono::hours(1);

net::WsOptions stream_options() {
  net::WsOptions options;
  options.queued_most = std::size_t{256} << 10U;
  options.ping_every = std::chrono::seconds(30);
  options.dead_after = std::chrono::seconds(90);
  // With the linger: what `LocalApi::stop` promises.
  options.close_within = std::chrono::milliseconds(1500);
  options.linger = std::chrono::milliseconds(500);
  return options;
}

asio::awaitable<void> held(ApiContext* api, SocketPtr socket, asio::awaitable<void> talk) {
  try {
    co_await std::move(talk);
  } catch (const std::system_error&) {
    // Only cancellation comes as such: the API stops.
  } catch (const std::exception& error) {
    if (api->settings.on_failure) api->settings.on_failure(error.what());
  }
  co_await net::shielded();
  co_await socket->close(net::ws_close::kGoingAway, "the broker ends this conversation");
}

asio::awaitable<void> talk_and_close(SocketPtr socket, asio::awaitable<void> talk) {
  try {
    co_await std::move(talk);
  } catch (const std::system_error&) {
    throw;
  } catch (...) {
    socket->abort();
    throw;
  }
  co_await socket->close(net::ws_close::kNormal, std::string());
}

}  // namespace

asio::awaitable<SocketPtr> open_stream(ApiContext* api, net::Exchange* exchange) {
  auto head = net::answer_ws_handshake(exchange->request(), {});
  if (head.status != 101) {
    exchange->respond(std::move(head));
    co_return nullptr;
  }
  if (api->conversations.size() >= api->settings.streams_most) {
    refuse(exchange, 503, "too_many_streams", "too many streams are open: close one first");
    co_return nullptr;
  }
  auto handover = co_await exchange->upgrade(std::move(head));
  if (!handover) co_return nullptr;
  co_return std::make_shared<net::WebSocket>(net::WebSocket::server(
      std::move(handover->stream), std::move(handover->already_read), stream_options()));
}

void hold_stream(ApiContext* api, SocketPtr socket, asio::awaitable<void> talk) {
  api->conversations.spawn(held(api, std::move(socket), std::move(talk)));
}

asio::awaitable<void> talk_to_listener(SocketPtr socket, asio::awaitable<void> talk) {
  const auto executor = co_await asio::this_coro::executor;
  net::TaskGroup talking(executor);
  talking.spawn(talk_and_close(socket, std::move(talk)));
  try {
    bool there = true;
    while (there) {
      const auto message = co_await socket->receive(kLongest);
      there = message || message.error().code == Code::timeout;
    }
  } catch (const std::system_error&) {
    // Only cancellation comes as such.
  }
  co_await net::shielded();
  talking.cancel();
  co_await talking.join();
}

std::string stream_error(std::string_view kind, std::string_view code, std::string_view message,
                         int status, bool retryable) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("type", std::string(kind) + "_error");
  out.field("code", code);
  out.field("message", redact(message));
  out.field("retryable", retryable);
  out.field("statusCode", status);
  out.end_object();
  out.finish();
  return json;
}

}  // namespace relay::broker
