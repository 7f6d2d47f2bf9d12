// What has happened: asked for once, or followed.
#include <charconv>
#include <fmt/format.h>

#include "broker/api_answer.hpp"
#include "broker/api_context.hpp"
#include "broker/api_stream.hpp"

namespace relay::broker {
namespace {

constexpr Duration kLook = std::chrono::hours(1);

/// Nothing when the request is answered.
std::optional<std::uint64_t> asked_since(net::Exchange* exchange) {
  const auto& request = exchange->request();
  auto text = request.query_value("sinceSeq");
  if (!text) text = request.query_value("since_seq");
  if (!text) return 0;
  std::uint64_t since = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), since);
  if (text->empty() || error != std::errc() || end != text->data() + text->size()) {
    answer_text(exchange, 400,
                "Failed to deserialize query string: sinceSeq: expected a whole number");
    return std::nullopt;
  }
  return since;
}

asio::awaitable<void> replay(ApiContext* api, net::Exchange* exchange) {
  const auto since = asked_since(exchange);
  if (!since) co_return;
  const auto kept = api->operations.events().since(*since);
  answer(exchange, [&](JsonWriter& out) {
    out.key("events");
    out.begin_array();
    for (const auto& event : kept.events) out.raw(event.json);
    out.end_array();
    out.field("gap", kept.gap);
    out.field("oldestAvailable", kept.oldest);
  });
}

std::string gap_marker(std::uint64_t since, std::uint64_t oldest, std::uint64_t current) {
  return fmt::format(
      R"({{"kind":"replay_gap","requestedSinceSeq":{},"oldestAvailable":{},"seq":{}}})", since,
      oldest, current);
}

/// Sends events as they come. What the client is too slow for is said in between: durable events
/// as a gap like the one at the start, and all of them with their number.
class EventFeed {
 public:
  EventFeed(ApiContext* api, SocketPtr socket, std::uint64_t since)
      : log_(api->operations.events()), socket_(std::move(socket)), since_(since) {}

  asio::awaitable<void> run() {
    EventLog::Watcher watcher(log_, since_);
    const auto start = log_.gap_after(since_);
    seen_ = since_ > log_.last() ? log_.last() : since_;
    if (start.gap) {
      if (since_ < start.oldest) seen_ = start.oldest - 1;
      co_await say(gap_marker(since_, start.oldest, log_.last()));
    }
    while (open_) {
      const auto events = co_await watcher.next(kLook);
      if (!events) continue;
      co_await tell_missed(watcher.missed());
      for (const auto& event : *events) co_await tell(event.seq, event.json);
    }
  }

 private:
  asio::awaitable<void> tell_missed(std::uint64_t missed) {
    if (missed == told_missed_) co_return;
    const std::uint64_t count = missed - told_missed_;
    told_missed_ = missed;
    co_await say(fmt::format(R"({{"kind":"events_missed","count":{}}})", count));
  }

  asio::awaitable<void> tell(std::uint64_t seq, std::string json) {
    if (seq != 0) {
      if (seq != seen_ + 1) co_await say(gap_marker(seen_, seq, log_.last()));
      seen_ = seq;
    }
    co_await say(std::move(json));
  }

  asio::awaitable<void> say(std::string text) {
    if (!open_) co_return;
    const auto sent = co_await socket_->send(std::move(text), kStreamSendTime);
    // One event that no message can hold is no reason to end.
    open_ = sent || sent.error().code == Code::too_large;
  }

  EventLog& log_;
  SocketPtr socket_;
  std::uint64_t since_;
  /// The last durable event that the client knows of.
  std::uint64_t seen_ = 0;
  std::uint64_t told_missed_ = 0;
  bool open_ = true;
};

asio::awaitable<void> feed_events(ApiContext* api, SocketPtr socket, std::uint64_t since) {
  socket->ping();
  EventFeed feed(api, std::move(socket), since);
  co_await feed.run();
}

asio::awaitable<void> follow(ApiContext* api, net::Exchange* exchange) {
  const auto since = asked_since(exchange);
  if (!since) co_return;
  const auto socket = co_await open_stream(api, exchange);
  if (!socket) co_return;
  hold_stream(api, socket, talk_to_listener(socket, feed_events(api, socket, *since)));
}

}  // namespace

void add_event_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/events/replay", replay);
  routes.add("GET", "/ws", follow);
}

}  // namespace relay::broker
