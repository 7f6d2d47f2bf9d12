#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/event.hpp"
#include "net/websocket.hpp"
#include "net/ws_loop.hpp"

// Internal to net/.
namespace relay::net {

/// What a WebSocket is made of: the input that is not parsed yet, the output that is not written
/// yet, the deadlines and the state of the close. Writing needs no coroutine: `flush` writes what
/// the socket takes and comes back when it takes more.
class WebSocket::Connection final : public WsLoop::Member,
                                    public std::enable_shared_from_this<Connection> {
 public:
  Connection(StreamPtr stream, std::string already_read, WsOptions options, WsFrameCodec codec);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  asio::awaitable<Result<WsMessage>> receive(Duration at_most);
  asio::awaitable<Result<void>> send(std::string payload, bool is_text, Duration at_most);
  asio::awaitable<void> close(std::uint16_t code, std::string reason);
  Result<void> put(std::string_view payload, bool is_text);
  void ping();
  void abort() noexcept;

  [[nodiscard]] const std::optional<WsEnd>& end() const { return end_; }
  [[nodiscard]] Monotonic last_heard() const { return last_heard_; }
  [[nodiscard]] std::size_t queued() const { return out_.size() - written_; }
  [[nodiscard]] std::string peer_name() const { return stream_->peer_name(); }

  Monotonic tick(Monotonic now) override;

 private:
  class Reading;
  class Waiting;

  [[nodiscard]] bool has_rest() const { return rest_at_ < rest_.size(); }
  std::optional<WsMessage> take_rest();
  std::optional<WsMessage> took(const IoResult& got);
  std::optional<WsMessage> parse(std::span<char>& input);
  asio::awaitable<void> settle();
  void put_close(std::uint16_t code, std::string_view reason);
  bool drop_input();
  [[nodiscard]] Monotonic ping_due() const;

  void answer_ping(std::string data);
  void peer_closed(WsEvent event);
  void refuse(WsEvent event);
  void lose(WsCause cause, std::string why);
  void over();
  [[nodiscard]] Error end_error() const;

  void pushed();
  void flush();
  void blocked(bool moved);
  void writable(const std::error_code& error);
  void give_back_memory();
  Event& changed();

  StreamPtr stream_;
  WsOptions options_;
  WsFrameCodec codec_;
  WsLoop& loop_;
  WsLoop::Place place_;

  /// Where reading waits. Small, because every idle connection has one: a longer burst is read on
  /// into the loop's buffer. Waiting for the socket alone would cost an epoll_ctl per message.
  std::array<char, 2048> inbox_;
  /// Read but not parsed: what followed the message that `receive` returned.
  std::string rest_;
  std::size_t rest_at_ = 0;
  /// Frames that go out, the first `written_` bytes of them gone already.
  std::string out_;
  std::size_t written_ = 0;
  /// The answer to the latest ping while the peer does not read; older ones are dropped.
  std::optional<std::string> owed_pong_;

  /// The socket is full and calls back.
  bool blocked_ = false;
  bool flush_posted_ = false;
  /// Nothing was written since the loop last turned.
  bool fresh_ = true;
  /// A coroutine is in `receive`, and there in a wait for the socket.
  bool reading_ = false;
  bool waiting_ = false;
  /// `tick` ended the wait because its time was over.
  bool late_ = false;
  bool close_sent_ = false;
  /// The socket is closed.
  bool over_ = false;
  std::optional<WsEnd> end_;
  /// What we said in our close frame.
  std::uint16_t closed_with_ = 0;

  Monotonic wake_by_{};
  Monotonic waiting_since_{};
  Monotonic last_heard_{};
  /// How long earlier waits have heard nothing since the last byte.
  Duration quiet_{};
  /// Silent for too long by the last sweep; dead at the next one.
  bool doubted_ = false;
  Monotonic last_ping_{};
  Monotonic progress_at_{};
  Monotonic close_by_{};
  /// Made when somebody waits for room or for the end.
  std::unique_ptr<Event> changed_;
};

}  // namespace relay::net
