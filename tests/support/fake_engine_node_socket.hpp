#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/event.hpp"
#include "net/task_group.hpp"
#include "net/ws_frame_codec.hpp"

namespace relay::test {

struct FakeEngineCore;

/// The engine's end of one open node socket, for a test to misuse. Got from `FakeEngine::socket`,
/// and valid until it is closed: ask again after waiting. Frames go out in the order of the calls.
class FakeNodeSocket {
 public:
  enum class Mode {
    normal,
    /// Reads, answers pings, and does nothing else with what it reads.
    mute,
    /// Does not read: the node's bytes stay in the sockets. Still writes.
    deaf,
    /// Neither reads nor writes; the connection is up.
    black_hole,
  };

  FakeNodeSocket(FakeEngineCore* core, asio::ip::tcp::socket* socket, std::string connection,
                 std::string node_id, std::string already_read);
  ~FakeNodeSocket();
  FakeNodeSocket(const FakeNodeSocket&) = delete;
  FakeNodeSocket& operator=(const FakeNodeSocket&) = delete;

  /// Until the connection is over.
  asio::awaitable<void> run();

  /// One frame, subject to the scripts of outgoing frames.
  void send(std::string key, std::string text);
  void send_unscripted(std::string key, std::string text);
  /// One text frame as it is: any JSON or none, of any size, in one WebSocket frame.
  void send_as_is(std::string text);
  /// One binary frame.
  void send_binary(std::string data);
  /// Bytes that are no WebSocket frame, or a part of one.
  void send_bytes(std::string bytes);
  void ping(std::string data);

  void set_mode(Mode mode);
  /// Says close; the connection ends when the node has answered.
  void close(std::uint16_t code, std::string reason);
  /// FIN without a close frame, after what was sent before.
  void cut();
  /// RST, at once.
  void reset();

  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  [[nodiscard]] const std::string& connection() const { return connection_; }

 private:
  enum class Then { go_on, cut, reset };
  struct Out {
    std::string bytes;
    /// What it is in the transcript; nothing is recorded when it is empty.
    std::string what;
    std::string text;
    Then then = Then::go_on;
  };

  asio::awaitable<void> read();
  asio::awaitable<void> write();
  bool on_input();
  void on_text(std::string text);
  void put(Out out);
  void note(std::string what, std::string text = {});
  [[nodiscard]] bool reads() const { return mode_ != Mode::deaf && mode_ != Mode::black_hole; }

  FakeEngineCore* core_;
  asio::ip::tcp::socket* socket_;
  std::string connection_;
  std::string node_id_;
  std::string input_;
  net::WsFrameCodec codec_;
  net::Event changed_;
  net::TaskGroup group_;
  std::deque<Out> out_;
  std::size_t queued_ = 0;
  /// Waits for the frame that comes before it.
  std::optional<Out> swapped_;
  Mode mode_ = Mode::normal;
  bool over_ = false;
  bool close_sent_ = false;
  std::string end_;
};

}  // namespace relay::test
