#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/http_message.hpp"
#include "net/http_router.hpp"

namespace relay::net {

class HttpConnection;

/// One request and its answer, as a handler sees it. A handler answers in exactly one of three
/// ways: `respond`, `begin_stream`/`begin_events` and then parts, or `upgrade`. It may wait as long
/// as it likes before. Returning without an answer is answered with 500.
///
/// All calls on the loop thread, from the handler's coroutine; not after the handler has returned.
class Exchange {
 public:
  explicit Exchange(HttpConnection* connection) : connection_(connection) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] HttpRequest& request();
  /// A parameter of the route's pattern, decoded; empty when the pattern has none of that name.
  [[nodiscard]] std::string_view parameter(std::string_view name) const;

  /// The whole answer. It is sent when the handler returns; the last one counts.
  void respond(HttpResponse response);

  /// Sends the head of an answer whose body follows with `write` and ends when the handler returns.
  /// A handler that throws from here on cuts the connection, so that the client sees that the body
  /// is not whole.
  asio::awaitable<Result<void>> begin_stream(HttpResponse head);
  /// Sends a part and returns when the socket has taken it. `connection_closed` when the client has
  /// gone or takes too little for too long.
  asio::awaitable<Result<void>> write(std::string part);

  /// An answer of server-sent events.
  asio::awaitable<Result<void>> begin_events();
  /// One event; `event` and `id` may be empty.
  asio::awaitable<Result<void>> send_event(std::string event, std::string data, std::string id);
  /// A comment that keeps the stream alive through proxies and shows whether the client is there.
  asio::awaitable<Result<void>> send_comment(std::string text);

  /// Waits until the client has gone or the server is stopping: true, a long answer should end; or
  /// until `at_most` is over: false.
  asio::awaitable<bool> ended(Duration at_most);

  /// Sends `head` (a 101) and gives the connection away. It no longer counts as one of the server's
  /// and the server does not close it. The handler should hand it to an owner of its own and
  /// return: the server ends its handlers when it stops.
  asio::awaitable<Result<Handover>> upgrade(HttpResponse head);

 private:
  friend class HttpConnection;
  enum class State { open, responded, streaming, handed_over };

  HttpConnection* connection_;
  State state_ = State::open;
  HttpResponse response_;
};

}  // namespace relay::net
