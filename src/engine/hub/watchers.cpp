#include "engine/hub/watchers.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/digest.hpp"
#include "engine/hub/door.hpp"
#include "engine/refusal.hpp"
#include "net/ws_handshake.hpp"

namespace relay::engine {
namespace {

constexpr Duration kLookForRequest = std::chrono::hours(1);
constexpr Duration kAnswerWithin = std::chrono::seconds(10);
constexpr const char* kStreamScope = "stream:read";

/// The workspace of a key, or the observer of a token.
struct Known {
  Id workspace = 0;
  std::optional<Observer> observer;
};
using FindToken = std::function<Result<Known>(const Store&)>;

FindToken finding_token(std::string hash, bool is_observer) {
  return [hash = std::move(hash), is_observer](const Store& store) -> Result<Known> {
    Known known;
    if (is_observer) {
      auto observer = store.observer_of_token(hash);
      if (!observer) return fail(std::move(observer).error());
      known.workspace = observer->workspace;
      known.observer = *std::move(observer);
      return known;
    }
    auto workspace = store.workspace_of_key(hash);
    if (!workspace) return fail(std::move(workspace).error());
    known.workspace = workspace->id;
    return known;
  };
}

bool may_watch(const Observer& observer) {
  const auto& scopes = observer.scopes;
  return std::find(scopes.begin(), scopes.end(), kStreamScope) != scopes.end();
}

std::string pong() {
  wire::StreamOther event;
  event.type = "pong";
  return wire::encode(wire::StreamMessageToClient(std::move(event)));
}

}  // namespace

asio::awaitable<void> Watchers::send_away(WatcherPtr watcher) {
  co_await net::shielded();
  co_await watcher->socket.close(net::ws_close::kTryAgainLater,
                                 "too slow: connect again and resync");
}

void Watchers::publish(Id workspace, StreamNews news) {
  const auto found = feeds_.find(workspace);
  if (found == feeds_.end()) return;
  auto& feed = found->second;
  const auto& told = feed.events.add(std::move(news));
  std::vector<WatcherPtr> slow;
  for (const auto& watcher : feed.watchers) {
    if (!watcher->seat.filter.shows(told.facts)) continue;
    if (!watcher->socket.try_send(told.text)) slow.push_back(watcher);
  }
  for (const auto& watcher : slow) {
    ++parts_.counts.dropped;
    feed.watchers.erase(watcher);
    feed.left = parts_.clock.now();
    parts_.tasks.spawn(send_away(watcher));
  }
}

asio::awaitable<void> Watchers::answer(net::Exchange* exchange) {
  auto head = net::answer_ws_handshake(exchange->request(), {});
  if (head.status != 101) {
    exchange->respond(std::move(head));
    co_return;
  }
  auto seat = co_await seat_of(exchange);
  if (!seat) co_return;
  if (parts_.stopping || parts_.counts.watchers >= parts_.settings.watchers_most) {
    refuse_socket(exchange, 503, "too_many_sockets", "the engine takes no more watchers now");
    co_return;
  }
  auto handover = co_await exchange->upgrade(std::move(head));
  if (!handover) co_return;
  auto socket = net::WebSocket::server(
      std::move(handover->stream), std::move(handover->already_read), hub_socket_options(kQueue));
  auto watcher = std::make_shared<Watcher>(std::move(socket), *std::move(seat));
  parts_.tasks.spawn(hold(std::move(watcher)));
}

/// Nothing when the request is answered.
asio::awaitable<std::optional<Watchers::Seat>> Watchers::seat_of(net::Exchange* exchange) {
  const auto token = socket_token(exchange->request());
  if (!token) {
    refuse_socket(exchange, 401, "unauthorized", "a workspace is watched with its key");
    co_return std::nullopt;
  }
  if (token->starts_with("at_")) {
    refuse_socket(exchange, 401, "unauthorized",
                  "agents are told what is for them on the socket of their node, /v1/node/ws");
    co_return std::nullopt;
  }
  Seat seat;
  seat.token_hash = sha256_hex(*token);
  auto find = parts_.store.read<Known>(finding_token(seat.token_hash, token->starts_with("ot_")));
  const auto known = co_await std::move(find);
  if (!known) {
    refuse_socket(exchange, known.error());
    co_return std::nullopt;
  }
  seat.workspace = known->workspace;
  if (!known->observer) {
    seat.token_hash.clear();
    co_return seat;
  }
  if (!may_watch(*known->observer)) {
    refuse_socket(exchange, status_of(Refusal::insufficient_scope),
                  std::string(name_of(Refusal::insufficient_scope)),
                  "this observer has no scope stream:read");
    co_return std::nullopt;
  }
  seat.filter = StreamFilter(known->observer->filters);
  co_return seat;
}

asio::awaitable<void> Watchers::hold(WatcherPtr watcher) {
  forget_old_feeds();
  const Id workspace = watcher->seat.workspace;
  const auto feed = feeds_.try_emplace(workspace, parts_.clock.wall()).first;
  feed->second.watchers.insert(watcher);
  parts_.watched = true;
  ++parts_.counts.watchers;
  try {
    co_await talk(watcher);
  } catch (const std::system_error&) {
    // Only cancellation comes as such: the hub stops.
  } catch (const std::exception& error) {
    parts_.note("a watcher's connection has failed", Error(Code::internal_error, error.what()));
  }
  co_await net::shielded();
  const auto code = parts_.stopping ? net::ws_close::kGoingAway : net::ws_close::kPolicy;
  std::string why = "this token is not valid any more";
  if (parts_.stopping) why = "the engine stops";
  co_await watcher->socket.close(code, std::move(why));
  --parts_.counts.watchers;
  const auto left = feeds_.find(workspace);
  if (left == feeds_.end()) co_return;
  left->second.watchers.erase(watcher);
  left->second.left = parts_.clock.now();
}

void Watchers::abort_all() noexcept {
  for (auto& [workspace, feed] : feeds_) {
    for (const auto& watcher : feed.watchers) watcher->socket.abort();
  }
}

void Watchers::forget_old_feeds() {
  const auto now = parts_.clock.now();
  std::erase_if(feeds_, [now](const auto& each) {
    return each.second.watchers.empty() && now - each.second.left > kKeptFor;
  });
}

asio::awaitable<void> Watchers::talk(WatcherPtr watcher) {
  const bool is_observer = !watcher->seat.token_hash.empty();
  const auto every = parts_.settings.look_at_observers;
  auto at_most = kLookForRequest;
  if (is_observer) at_most = every;
  auto looked_at = SystemClock().now();
  bool open = true;
  while (open) {
    auto message = co_await watcher->socket.receive(at_most);
    if (message) {
      open = co_await serve(watcher, std::move(message->payload));
    } else {
      open = message.error().code == Code::timeout;
    }
    if (!open || !is_observer || SystemClock().now() - looked_at < every) continue;
    open = co_await is_still_valid(watcher);
    looked_at = SystemClock().now();
  }
}

asio::awaitable<bool> Watchers::is_still_valid(WatcherPtr watcher) {
  auto find = parts_.store.read<Known>(finding_token(watcher->seat.token_hash, true));
  const auto known = co_await std::move(find);
  // A disk that fails takes nothing away.
  if (!known) co_return refusal_of(known.error()) == Refusal::internal_error;
  if (!may_watch(*known->observer)) co_return false;
  watcher->seat.filter = StreamFilter(known->observer->filters);
  co_return true;
}

/// Whether it goes on. What is no request is passed over, and subscriptions change nothing: who has
/// the key sees all.
asio::awaitable<bool> Watchers::serve(WatcherPtr watcher, std::string request) {
  const auto asked = wire::decode_body<wire::StreamRequest>(request, wire::kInboundLimits);
  if (!asked) co_return true;
  std::vector<std::string> answers;
  if (asked->type == "ping") answers.push_back(pong());
  if (asked->type == "resync") {
    const auto last_seen = asked->last_seen_seq.value_or(0);
    const auto& events = feeds_.at(watcher->seat.workspace).events;
    auto replay = events.behind(last_seen, watcher->seat.filter);
    wire::StreamResyncAck ack;
    ack.type = "resync_ack";
    ack.last_seen_seq = last_seen;
    ack.current_seq = replay.current;
    ack.replayed = replay.events.size();
    ack.gap_detected = replay.gap;
    answers = std::move(replay.events);
    answers.push_back(wire::encode(wire::StreamMessageToClient(std::move(ack))));
  }
  for (auto& answer : answers) {
    const auto sent = co_await watcher->socket.send(std::move(answer), kAnswerWithin);
    if (!sent) co_return false;
  }
  co_return true;
}

}  // namespace relay::engine
