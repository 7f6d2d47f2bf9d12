#include "net/ws_connection.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace relay::net {
namespace {

/// Frames that are held for one write together are written when they are this many bytes.
constexpr std::size_t kFlushAt = std::size_t{64} << 10U;
/// The longest frame header.
constexpr std::size_t kHeaderMost = 14;

}  // namespace

WebSocket::Connection::Connection(StreamPtr stream, std::string already_read, WsOptions options,
                                  WsFrameCodec codec)
    : stream_(std::move(stream)),
      options_(options),
      codec_(std::move(codec)),
      loop_(WsLoop::of(stream_->executor())),
      place_(loop_.join(this, stream_->executor())),
      rest_(std::move(already_read)),
      last_heard_(SystemClock().now()) {}

WebSocket::Connection::~Connection() {
  loop_.leave(place_);
}

Event& WebSocket::Connection::changed() {
  if (!changed_) changed_ = std::make_unique<Event>(stream_->executor());
  return *changed_;
}

// Input

std::optional<WsMessage> WebSocket::Connection::take_rest() {
  if (!has_rest()) return std::nullopt;
  std::span<char> input = std::span(rest_).subspan(rest_at_);
  auto message = parse(input);
  rest_at_ = rest_.size() - input.size();
  if (!has_rest()) {
    rest_.clear();
    rest_at_ = 0;
  }
  return message;
}

/// The end of a read into the inbox.
std::optional<WsMessage> WebSocket::Connection::took(const IoResult& got) {
  if (!got.ok()) {
    const bool orderly = got.error == asio::error::eof;
    lose(WsCause::lost, orderly ? "no close frame before the end" : got.error.message());
    return std::nullopt;
  }
  last_heard_ = SystemClock().now();
  quiet_ = Duration::zero();
  doubted_ = false;
  auto input = std::span(inbox_).first(got.bytes);
  if (got.bytes == inbox_.size()) {
    const auto scratch = loop_.scratch();
    std::memcpy(scratch.data(), inbox_.data(), inbox_.size());
    // An error shows again in the next read.
    const auto more = stream_->try_read(scratch.subspan(inbox_.size()));
    input = scratch.first(inbox_.size() + more.bytes);
  }
  auto message = parse(input);
  rest_.assign(input.data(), input.size());
  return message;
}

std::optional<WsMessage> WebSocket::Connection::parse(std::span<char>& input) {
  while (auto event = codec_.next(input)) {
    switch (event->kind) {
      case WsEvent::Kind::text:
      case WsEvent::Kind::binary:
        if (close_sent_) break;
        return WsMessage(event->kind == WsEvent::Kind::text, std::move(event->payload));
      case WsEvent::Kind::ping: answer_ping(std::move(event->payload)); break;
      case WsEvent::Kind::pong: break;
      case WsEvent::Kind::close: peer_closed(std::move(*event)); break;
      case WsEvent::Kind::error: refuse(std::move(*event)); break;
    }
  }
  return std::nullopt;
}

void WebSocket::Connection::answer_ping(std::string data) {
  if (close_sent_) return;
  if (blocked_) {
    owed_pong_ = std::move(data);
    return;
  }
  codec_.put_pong(data, out_);
  pushed();
}

void WebSocket::Connection::peer_closed(WsEvent event) {
  if (end_) return;
  if (close_sent_) {
    end_.emplace(WsCause::we_closed, closed_with_, std::string());
    return;
  }
  put_close(event.code, {});
  end_.emplace(WsCause::peer_closed, event.code, std::move(event.payload));
}

void WebSocket::Connection::refuse(WsEvent event) {
  if (end_) return;
  if (!close_sent_) put_close(event.code, event.payload);
  const bool big = event.code == ws_close::kTooBig;
  end_.emplace(big ? WsCause::too_large : WsCause::protocol_error, event.code,
               std::move(event.payload));
}

/// Our last frame.
void WebSocket::Connection::put_close(std::uint16_t code, std::string_view reason) {
  if (owed_pong_) codec_.put_pong(*owed_pong_, out_);
  owed_pong_.reset();
  codec_.put_close(code, reason, out_);
  close_sent_ = true;
  closed_with_ = code;
}

bool WebSocket::Connection::drop_input() {
  const auto got = stream_->try_read(loop_.scratch());
  return got.ok() || would_block(got.error);
}

// Output

Result<void> WebSocket::Connection::put(std::string_view payload, bool is_text) {
  if (end_ || close_sent_) return fail(Code::connection_closed, "the WebSocket is closed");
  if (payload.size() > options_.limits.message_most) {
    return fail(Code::too_large, fmt::format("a message of {} bytes is over the limit of {}",
                                             payload.size(), options_.limits.message_most));
  }
  const std::size_t size = payload.size() + kHeaderMost;
  if (queued() != 0 && queued() + size > options_.queued_most) {
    if (!blocked_) flush();
    if (end_) return fail(end_error());
    if (queued() != 0 && queued() + size > options_.queued_most) {
      return fail(Code::queue_full,
                  fmt::format("{} bytes wait for {} to read", queued(), peer_name()));
    }
  }
  is_text ? codec_.put_text(payload, out_) : codec_.put_binary(payload, out_);
  pushed();
  return {};
}

/// Frames were added. Written now if they come alone; if others came before them in this turn of
/// the loop or their cause is one of many requests, they go out together a moment later.
void WebSocket::Connection::pushed() {
  if (blocked_) return;
  if (queued() >= kFlushAt || (fresh_ && !flush_posted_ && !has_rest())) {
    fresh_ = false;
    flush();
    return;
  }
  if (flush_posted_) return;
  flush_posted_ = true;
  asio::post(stream_->executor(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_posted_ = false;
    self->fresh_ = true;
    if (!self->blocked_) self->flush();
  });
}

void WebSocket::Connection::flush() {
  bool moved = false;
  while (!over_ && queued() != 0) {
    const auto sent = stream_->try_write(std::span<const char>(out_).subspan(written_));
    if (would_block(sent.error)) {
      blocked(moved);
      return;
    }
    if (!sent.ok()) {
      lose(WsCause::lost, "cannot send: " + sent.error.message());
      return;
    }
    moved = true;
    written_ += sent.bytes;
    if (queued() == 0 && owed_pong_) {
      codec_.put_pong(*owed_pong_, out_);
      owed_pong_.reset();
    }
  }
  out_.clear();
  written_ = 0;
}

void WebSocket::Connection::blocked(bool moved) {
  if (moved) {
    // What is written is cut off when it is the larger part, so that each byte is moved once.
    if (written_ > out_.size() / 2) {
      out_.erase(0, written_);
      written_ = 0;
    }
    if (changed_) changed_->notify();
  }
  if (moved || !blocked_) {
    progress_at_ = SystemClock().now();
    loop_.wake_at(progress_at_ + options_.dead_after);
  }
  blocked_ = true;
  stream_->on_writable([weak = weak_from_this()](const std::error_code& error) {
    if (const auto self = weak.lock()) self->writable(error);
  });
}

void WebSocket::Connection::writable(const std::error_code& error) {
  if (over_) return;
  if (error && error != asio::error::operation_aborted) {
    lose(WsCause::lost, "cannot send: " + error.message());
    return;
  }
  // `blocked_` stays set for the length of the try: it tells a new blockade from an old one.
  flush();
  if (over_ || queued() != 0) return;
  blocked_ = false;
  fresh_ = true;
  if (changed_) changed_->notify();
  // The reader waits in `settle` for this to send the FIN.
  if (end_ && waiting_) stream_->cancel();
}

// Time and the end

Monotonic WebSocket::Connection::tick(Monotonic now) {
  if (over_) return Monotonic::max();
  Monotonic next = Monotonic::max();
  if (waiting_ && now >= wake_by_) {
    late_ = true;
    stream_->cancel();
  } else if (waiting_) {
    next = wake_by_;
  }
  if (blocked_) {
    const auto stalled = progress_at_ + options_.dead_after;
    if (now >= stalled) {
      lose(WsCause::silent, "the peer does not read");
      return Monotonic::max();
    }
    next = std::min(next, stalled);
  }
  if (end_) return next;
  if (close_sent_) {
    if (now < close_by_) return std::min(next, close_by_);
    lose(WsCause::we_closed, "no answer to our close frame");
    return Monotonic::max();
  }
  if (!waiting_) return next;
  // Silence counts only while somebody listens.
  const auto dead = waiting_since_ + (options_.dead_after - quiet_);
  if (now >= dead && doubted_) {
    lose(WsCause::silent, "the peer is silent");
    return Monotonic::max();
  }
  if (now >= dead && last_ping_ <= last_heard_) {
    // This loop stood still, and nobody has asked the peer.
    const Duration patience = std::min(options_.ping_every, options_.dead_after);
    quiet_ -= now - dead + patience;
    last_ping_ = now;
    ping();
    return now + patience;
  }
  if (now >= dead) {
    // It may be this loop that stood still: what the peer sent meanwhile is read first.
    doubted_ = true;
    return now;
  }
  if (now >= ping_due()) {
    last_ping_ = now;
    ping();
    give_back_memory();
  }
  return std::min({next, dead, ping_due()});
}

Monotonic WebSocket::Connection::ping_due() const {
  return std::max(last_heard_, last_ping_) + options_.ping_every;
}

void WebSocket::Connection::ping() {
  if (blocked_ || over_ || end_ || close_sent_) return;
  codec_.put_ping({}, out_);
  flush();
}

void WebSocket::Connection::give_back_memory() {
  if (rest_.empty()) rest_.shrink_to_fit();
  if (out_.empty()) out_.shrink_to_fit();
}

void WebSocket::Connection::lose(WsCause cause, std::string why) {
  const std::uint16_t code = cause == WsCause::we_closed ? closed_with_ : ws_close::kLost;
  if (!end_) {
    if (close_sent_) cause = WsCause::we_closed;
    end_.emplace(cause, close_sent_ ? closed_with_ : code, std::move(why));
  }
  over();
}

void WebSocket::Connection::over() {
  if (over_) return;
  over_ = true;
  stream_->close();
  out_ = std::string();
  written_ = 0;
  rest_ = std::string();
  rest_at_ = 0;
  if (changed_) changed_->notify();
}

void WebSocket::Connection::abort() noexcept {
  if (over_) return;
  closed_with_ = ws_close::kLost;
  lose(WsCause::we_closed, "aborted");
}

Error WebSocket::Connection::end_error() const {
  const auto detail = end_->reason.empty() ? fmt::format("{}", end_->code)
                                           : fmt::format("{}, {}", end_->code, end_->reason);
  switch (end_->cause) {
    case WsCause::peer_closed:
      return {Code::connection_closed, fmt::format("the peer closed the WebSocket ({})", detail)};
    case WsCause::we_closed:
      return {Code::connection_closed, fmt::format("the WebSocket is closed ({})", detail)};
    case WsCause::protocol_error:
      return {Code::protocol_error, fmt::format("the peer broke the protocol ({})", detail)};
    case WsCause::too_large:
      return {Code::too_large, fmt::format("the peer sent too much ({})", detail)};
    case WsCause::lost:
    case WsCause::silent: break;
  }
  return {Code::connection_closed, "the WebSocket is lost: " + end_->reason};
}

}  // namespace relay::net
