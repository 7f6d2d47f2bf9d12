#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <list>
#include <string>

#include "net/event.hpp"
#include "net/task_group.hpp"
#include "support/fake_engine_node_socket.hpp"
#include "support/fake_engine_record.hpp"
#include "support/fake_engine_script.hpp"
#include "support/fake_engine_state.hpp"

// Internal to the fake engine.
namespace relay::test {

class FakeConnection;

/// What the connections of a fake engine share.
struct FakeEngineCore {
  explicit FakeEngineCore(asio::io_context& io_in);

  /// Opens the listening socket, on the same port as before if there was one.
  void listen();
  /// Closes it and ends every connection with RST.
  void down();
  /// The open socket of a node; null when there is none.
  FakeNodeSocket* socket_of(std::string_view node_id);

  struct HeldFrame {
    std::string node_id;
    std::string key;
    std::string text;
    bool is_out;
  };

  asio::io_context& io;
  asio::ip::tcp::acceptor acceptor;
  std::uint16_t port = 0;
  std::size_t accepted = 0;
  Transcript transcript;
  FakeState state;
  Scripts<HttpScript> answers;
  Scripts<FrameScript> outgoing;
  Scripts<FrameScript> incoming;
  std::list<HeldFrame> held;
  /// Notified by release_answers; a held answer waits for the next.
  net::Event released;
  std::list<FakeConnection*> connections;
  std::list<FakeNodeSocket*> sockets;
  net::TaskGroup group;
};

/// The life of one accepted connection.
asio::awaitable<void> serve_fake_connection(FakeEngineCore* core, asio::ip::tcp::socket socket);

/// Closes with RST: what was not read yet is lost, and the peer's next call fails.
void reset_socket(asio::ip::tcp::socket& socket) noexcept;

}  // namespace relay::test
