#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <string>

#include "net/http_request_parser.hpp"

// Internal to the fake engine.
namespace relay::test {

struct FakeEngineCore;

/// One accepted connection: requests one after the other, or a node socket from its handshake on.
/// Not an HttpServer, because that never does wrong.
class FakeConnection {
 public:
  FakeConnection(FakeEngineCore* core, asio::ip::tcp::socket socket);
  ~FakeConnection();
  FakeConnection(const FakeConnection&) = delete;
  FakeConnection& operator=(const FakeConnection&) = delete;

  asio::awaitable<void> run();
  /// RST.
  void reset() noexcept;

 private:
  asio::awaitable<bool> read();
  asio::awaitable<bool> read_request();
  asio::awaitable<bool> write(std::string bytes);
  asio::awaitable<bool> answer();
  net::HttpResponse handshake();
  void note(std::string what, std::string text);

  FakeEngineCore* core_;
  asio::ip::tcp::socket socket_;
  std::string name_;
  std::string input_;
  net::HttpRequestParser parser_;
  /// "POST /v1/nodes" of the request at hand.
  std::string what_;
  /// The node whose handshake was accepted.
  std::string node_id_;
};

}  // namespace relay::test
