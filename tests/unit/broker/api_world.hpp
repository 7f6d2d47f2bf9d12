#pragma once

#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "broker/api.hpp"
#include "fake_operations.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/websocket.hpp"
#include "net/ws_client.hpp"
#include "support/loop.hpp"
#include "support/same_json.hpp"
#include "support/temp_dir.hpp"

// A local API on real sockets, over a broker that only exists for the test. Names of what a test
// asks and hears stand here; the words of the wire stand in the tests.
namespace relay {
using namespace std::chrono_literals;
}

namespace relay::test {

inline constexpr const char* kApiKey = "br_0123456789abcdef0123456789abcdef";

class ApiWorld {
 public:
  /// With an engine that has answered: workspace ws_1, called home.
  ApiWorld() : ApiWorld(settings()) { api.engine_ready(facts()); }
  /// In the start-up phase.
  explicit ApiWorld(broker::LocalApiSettings settings);
  ~ApiWorld();
  ApiWorld(const ApiWorld&) = delete;
  ApiWorld& operator=(const ApiWorld&) = delete;

  static broker::WorkspaceFacts facts();
  /// With the key.
  static broker::LocalApiSettings settings();

  /// Over TCP with the key. A body is JSON.
  net::HttpReply ask(std::string method, std::string path, std::string body = {});
  net::HttpReply call(net::HttpCall call);
  [[nodiscard]] net::HttpCall to(std::string method, std::string path) const;
  net::HttpReply ask_unix(std::string method, std::string path);
  /// Bytes over TCP, and all that comes until the server closes.
  std::string raw(std::string bytes);

  /// With the key.
  asio::awaitable<std::shared_ptr<net::WebSocket>> connect(std::string path);
  /// What a try to connect was refused with.
  asio::awaitable<net::HttpResponse> refused(std::string path);
  /// Lets the loop run until no conversation is open.
  void run_until_quiet();

  asio::io_context io;
  FakeOperations operations;
  FakeClock clock;
  TempDir dir;
  int renewals = 0;
  std::vector<std::string> failures;
  std::uint16_t port = 0;

 private:
  broker::LocalApiSettings completed(broker::LocalApiSettings settings);
  net::HttpServerOptions server_options();
  asio::awaitable<void> stop();
  [[nodiscard]] net::WsClientOptions stream_at(const std::string& path) const;

  SeededRandom random_{1};
  net::Listener listener_;

 public:
  broker::LocalApi api;

 private:
  net::HttpServer server_;
  net::HttpClient client_;
};

/// The next message; "end <code>" when the conversation has ended.
asio::awaitable<std::string> hear(net::WebSocket* socket);
asio::awaitable<void> say(net::WebSocket* socket, std::string text);

/// A reply's status and body, the body compared as JSON.
inline bool is(const net::HttpReply& reply, int status, std::string_view json) {
  CHECK(reply.status == status);
  if (reply.headers.get("Content-Type") != "application/json") return false;
  const bool same = same_json(reply.body, json);
  if (!same) MESSAGE(reply.body);
  return same;
}

}  // namespace relay::test
