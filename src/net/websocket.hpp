#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "net/stream.hpp"
#include "net/ws_frame_codec.hpp"

namespace relay::net {

/// Bytes that wait for a peer that reads slowly: one message of the largest size, or many small
/// ones.
inline constexpr std::size_t kWsQueuedMost = std::size_t{4} << 20U;

/// How a connection is kept and how it ends. What the peer is asked for must fit what the engine
/// grants: it drops a node that is silent for 90 s.
class WsOptions {
 public:
  WsLimits limits;
  /// Outgoing bytes that may wait; see `WebSocket::try_send`.
  std::size_t queued_most = kWsQueuedMost;
  /// A ping after this long without a byte from the peer.
  Duration ping_every = std::chrono::seconds(20);
  /// The peer is dead when it sent nothing, or took nothing of what waits for it, for this long.
  Duration dead_after = std::chrono::seconds(60);
  /// How long the peer has to answer our close frame.
  Duration close_within = std::chrono::seconds(5);
  /// How long what the peer still sends is read and dropped after the close, so that it gets to
  /// see our close frame instead of a reset.
  Duration linger = std::chrono::seconds(2);
};

class WsMessage {
 public:
  WsMessage(bool is_text_in, std::string payload_in)
      : is_text(is_text_in), payload(std::move(payload_in)) {}

  /// Checked UTF-8 if so, any bytes if not.
  bool is_text;
  std::string payload;
};

enum class WsCause {
  /// The peer said close.
  peer_closed,
  /// We said close.
  we_closed,
  /// The peer broke the protocol, and was told so.
  protocol_error,
  /// The peer sent more than the limits, and was told so.
  too_large,
  /// The connection broke without a close frame.
  lost,
  /// The peer was silent, or did not read, for `dead_after`.
  silent,
};

class WsEnd {
 public:
  WsEnd(WsCause cause_in, std::uint16_t code_in, std::string reason_in)
      : cause(cause_in), code(code_in), reason(std::move(reason_in)) {}

  WsCause cause;
  /// The close code: the peer's if it closed, else ours; `ws_close::kLost` when there was none.
  std::uint16_t code;
  std::string reason;
};

/// One WebSocket after its handshake, either side. All calls on the loop thread; the object
/// outlives its coroutines. One coroutine may be in `receive` and any number in `send`.
///
/// Pings are answered and close frames handled only while somebody is in `receive`: a program that
/// reads slowly slows its peer down and loses nothing.
///
/// Destroying it closes the connection at once; `close` first to do it in order.
class WebSocket {
 public:
  [[nodiscard]] static WebSocket server(StreamPtr stream, std::string already_read,
                                        WsOptions options);
  /// `random` masks what is sent; it outlives the socket.
  [[nodiscard]] static WebSocket client(StreamPtr stream, std::string already_read,
                                        WsOptions options, Random& random);

  WebSocket(WebSocket&&) noexcept;
  WebSocket& operator=(WebSocket&&) noexcept;
  ~WebSocket();

  /// The next message. Errors: `timeout` when none came within `at_most`, `cancelled`; the
  /// connection lives on after both. Any other error is the end (`end()` tells which):
  /// `connection_closed`, `protocol_error`, `too_large`. The end is reported when the closing
  /// handshake and the lingering are over.
  asio::awaitable<Result<WsMessage>> receive(Duration at_most);

  /// Queues a message and writes what the socket takes. Sends of one turn of the loop, and those
  /// that find the socket full, go out together. `queue_full` when others wait already and the
  /// message would exceed `queued_most`; nothing is queued then. `too_large` when the message is
  /// over the limit, `connection_closed` after the end.
  Result<void> try_send(std::string_view text);
  Result<void> try_send_binary(std::string_view data);

  /// As `try_send`, but waits for room, `queue_full` when there was none within `at_most`.
  asio::awaitable<Result<void>> send(std::string text, Duration at_most);
  asio::awaitable<Result<void>> send_binary(std::string data, Duration at_most);

  /// Says close and ends the connection in order, within `close_within` and `linger`. Messages that
  /// still arrive are dropped, and a `receive` under way ends. Harmless after the end.
  asio::awaitable<void> close(std::uint16_t code, std::string reason);

  /// Asks the peer for a pong now, whatever `ping_every` says; nothing while it does not read.
  void ping();

  /// Ends the connection at once.
  void abort() noexcept;

  /// How the connection ended; nothing while it lives.
  [[nodiscard]] const std::optional<WsEnd>& end() const;
  /// When the last byte came, a pong included; first the time of the handshake.
  [[nodiscard]] Monotonic last_heard() const;
  /// Outgoing bytes that wait.
  [[nodiscard]] std::size_t queued() const;
  [[nodiscard]] std::string peer_name() const;

 private:
  class Connection;
  explicit WebSocket(std::shared_ptr<Connection> connection);
  /// Shared with callbacks of the socket, which can come after the WebSocket is gone.
  std::shared_ptr<Connection> connection_;
};

}  // namespace relay::net
