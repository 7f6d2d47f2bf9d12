#include "node_control/node_link.hpp"

#include <utility>

#include "base/printable.hpp"
#include "base/redaction.hpp"
#include "net/timeout.hpp"
#include "wire/body.hpp"
#include "wire/envelope.hpp"

namespace relay::node_control {
namespace {

constexpr Duration kLongest = std::chrono::hours(1);
constexpr std::uint16_t kNormalClose = 1000;
constexpr std::size_t kLongestWordsOfRefusal = 300;

/// The engine's own words for refusing the handshake.
std::string words_of(const net::HttpResponse& refusal) {
  const auto answer = wire::decode_answer<wire::NoData>(refusal.body);
  if (!answer || !answer->error) return {};
  const std::string words = answer->error->code + ": " + answer->error->message;
  return printable(redact(words.substr(0, kLongestWordsOfRefusal)));
}

asio::awaitable<Result<bool>> closed(net::WebSocket* socket, std::string reason) {
  co_await socket->close(kNormalClose, std::move(reason));
  co_return true;
}

}  // namespace

asio::awaitable<Result<std::string>> NodeLink::receive() {
  for (;;) {
    auto message = co_await socket_.receive(kLongest);
    if (message && message->is_text) co_return std::move(message->payload);
    if (message) {
      ++binary_frames_;
      continue;
    }
    if (message.error().code == Code::timeout) continue;
    Error error = std::move(message).error();
    error.message = printable(redact(error.message));
    co_return fail(std::move(error));
  }
}

Result<void> NodeLink::send(std::string_view frame) {
  return socket_.try_send(frame);
}

asio::awaitable<void> NodeLink::close(std::string reason, Duration within) {
  auto work = closed(&socket_, std::move(reason));
  const auto ended = co_await net::with_timeout(std::move(work), within, "close");
  if (!ended) socket_.abort();
}

std::string node_endpoint(std::string_view engine) {
  return "ws" + std::string(engine.substr(std::string_view("http").size())) + "/v1/node/ws";
}

Result<net::WsClientOptions> NodeDialer::call_for(const Secret& token) {
  net::WsClientOptions call(node_endpoint(options_.engine));
  call.headers.set("Authorization", "Bearer " + token.reveal());
  call.within = options_.connect_within;
  call.network = options_.network;
  // The session's own liveness asks more often and decides sooner.
  call.socket.ping_every = options_.liveness.heartbeat_every;
  call.socket.dead_after = options_.liveness.black_hole_after;
  call.socket.close_within = options_.leave_within;
  call.socket.linger = options_.leave_within / 4;
  if (!options_.engine.starts_with("https:")) return call;
  if (!tls_) {
    auto made = net::TlsContext::client(options_.network.ca_file, options_.network.ca_directory);
    if (!made) return fail(std::move(made).error());
    tls_ = *std::move(made);
  }
  call.tls = tls_;
  return call;
}

asio::awaitable<LinkOutcome> NodeDialer::dial(Secret token) {
  LinkOutcome out;
  auto call = call_for(token);
  if (!call) {
    out.failure.reason = call.error().message;
    out.error = std::move(call).error();
    co_return out;
  }
  auto outcome = co_await net::ws_connect(*std::move(call), &random_);
  if (outcome.connected) {
    out.link = std::make_shared<NodeLink>(std::move(outcome.connected->socket));
    co_return out;
  }
  Error error = std::move(outcome.connected).error();
  error.message = printable(redact(error.message));
  if (outcome.refusal) {
    out.failure.status = outcome.refusal->status;
    const std::string words = words_of(*outcome.refusal);
    if (!words.empty()) error.message += " (" + words + ")";
  }
  if (error.retry_after) out.failure.retry_after = *error.retry_after;
  out.failure.reason = error.message;
  out.error = std::move(error);
  co_return out;
}

}  // namespace relay::node_control
