#include "net/websocket.hpp"

#include <asio/cancellation_state.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

#include "net/ws_connection.hpp"

namespace relay::net {
namespace {

/// A longer deadline is as good as none, and cannot overflow.
constexpr std::chrono::hours kLongest{24 * 365};

Monotonic after(Monotonic now, Duration wait) {
  return now + (wait < kLongest ? wait : Duration(kLongest));
}

}  // namespace

/// For the time a coroutine is in `receive`.
class WebSocket::Connection::Reading {
 public:
  explicit Reading(Connection* connection) : connection_(connection) {
    if (connection_->reading_) throw std::logic_error("WebSocket: two coroutines in receive");
    connection_->reading_ = true;
  }
  ~Reading() {
    connection_->reading_ = false;
    // `close` goes on where a cancelled reader left off.
    if (connection_->changed_) connection_->changed_->notify();
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  Connection* connection_;
};

/// For the time of one wait for the socket: `tick` looks after its deadline.
class WebSocket::Connection::Waiting {
 public:
  Waiting(Connection* connection, Monotonic now, Monotonic by) : connection_(connection) {
    connection_->waiting_ = true;
    connection_->late_ = false;
    connection_->waiting_since_ = now;
    connection_->wake_by_ = by;
    WsLoop& loop = connection_->loop_;
    loop.wake_at(by);
    loop.wake_at(connection_->ping_due());
    loop.wake_at(now + (connection_->options_.dead_after - connection_->quiet_));
  }
  ~Waiting() { connection_->waiting_ = false; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Connection* connection_;
};

asio::awaitable<Result<WsMessage>> WebSocket::Connection::receive(Duration at_most) {
  const Reading reading(this);
  if (auto message = take_rest()) co_return std::move(*message);
  Monotonic now = SystemClock().now();
  const Monotonic by = after(now, at_most);
  while (!end_) {
    if (!blocked_ && queued() != 0) flush();
    fresh_ = true;
    if (end_) break;
    IoResult got(std::error_code(), 0);
    {
      const Waiting waiting(this, now, by);
      got = co_await stream_->read_some(inbox_);
    }
    if (got.error != asio::error::operation_aborted) {
      if (auto message = took(got)) co_return std::move(*message);
    } else {
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        co_return fail(Code::cancelled, "receiving was cancelled");
      }
      quiet_ += SystemClock().now() - waiting_since_;
      if (late_) co_return fail(Code::timeout, "no message came");
    }
    now = SystemClock().now();
  }
  if (!over_) co_await settle();
  if (!over_) co_return fail(Code::cancelled, "receiving was cancelled");
  co_return fail(end_error());
}

/// After the last frame of both sides: our FIN once all is written, then the peer's last bytes.
asio::awaitable<void> WebSocket::Connection::settle() {
  Monotonic now = SystemClock().now();
  Monotonic by = now + options_.close_within;
  bool finished = false;
  while (!over_) {
    if (!blocked_ && queued() != 0) flush();
    if (!finished && !over_ && queued() == 0) {
      finished = true;
      co_await stream_->shutdown_send();
      by = now + options_.linger;
    }
    if (over_ || now >= by) break;
    std::error_code error;
    {
      const Waiting waiting(this, now, by);
      error = co_await stream_->wait_readable();
    }
    if (error == asio::error::operation_aborted) {
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return;
    } else if (error || !drop_input()) {
      break;
    }
    now = SystemClock().now();
  }
  over();
}

asio::awaitable<Result<void>> WebSocket::Connection::send(std::string payload, bool is_text,
                                                          Duration at_most) {
  auto done = put(payload, is_text);
  if (done || done.error().code != Code::queue_full) co_return done;
  Monotonic now = SystemClock().now();
  const Monotonic by = after(now, at_most);
  while (now < by) {
    const bool notified = co_await changed().wait(by - now);
    if (!notified) break;
    done = put(payload, is_text);
    if (done || done.error().code != Code::queue_full) break;
    now = SystemClock().now();
  }
  co_return done;
}

asio::awaitable<void> WebSocket::Connection::close(std::uint16_t code, std::string reason) {
  if (!end_ && !close_sent_) {
    put_close(code, reason);
    close_by_ = SystemClock().now() + options_.close_within;
    loop_.wake_at(close_by_);
    if (!blocked_) flush();
  }
  while (!over_) {
    if (reading_) {
      co_await changed().wait(kLongest);
    } else {
      const auto ended = co_await receive(kLongest);
      if (!ended && ended.error().code == Code::cancelled) co_return;
    }
  }
}

WebSocket::WebSocket(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
WebSocket::WebSocket(WebSocket&&) noexcept = default;
WebSocket& WebSocket::operator=(WebSocket&& other) noexcept {
  if (this == &other) return *this;
  if (connection_) connection_->abort();
  connection_ = std::move(other.connection_);
  return *this;
}
WebSocket::~WebSocket() {
  if (connection_) connection_->abort();
}

WebSocket WebSocket::server(StreamPtr stream, std::string already_read, WsOptions options) {
  return WebSocket(std::make_shared<Connection>(std::move(stream), std::move(already_read), options,
                                                WsFrameCodec::server(options.limits)));
}

WebSocket WebSocket::client(StreamPtr stream, std::string already_read, WsOptions options,
                            Random& random) {
  return WebSocket(std::make_shared<Connection>(std::move(stream), std::move(already_read), options,
                                                WsFrameCodec::client(options.limits, random)));
}

asio::awaitable<Result<WsMessage>> WebSocket::receive(Duration at_most) {
  return connection_->receive(at_most);
}

asio::awaitable<Result<void>> WebSocket::send(std::string text, Duration at_most) {
  return connection_->send(std::move(text), true, at_most);
}

asio::awaitable<Result<void>> WebSocket::send_binary(std::string data, Duration at_most) {
  return connection_->send(std::move(data), false, at_most);
}

Result<void> WebSocket::try_send(std::string_view text) {
  return connection_->put(text, true);
}

Result<void> WebSocket::try_send_binary(std::string_view data) {
  return connection_->put(data, false);
}

asio::awaitable<void> WebSocket::close(std::uint16_t code, std::string reason) {
  return connection_->close(code, std::move(reason));
}

void WebSocket::ping() {
  connection_->ping();
}

void WebSocket::abort() noexcept {
  connection_->abort();
}

const std::optional<WsEnd>& WebSocket::end() const {
  return connection_->end();
}

Monotonic WebSocket::last_heard() const {
  return connection_->last_heard();
}

std::size_t WebSocket::queued() const {
  return connection_->queued();
}

std::string WebSocket::peer_name() const {
  return connection_->peer_name();
}

}  // namespace relay::net
