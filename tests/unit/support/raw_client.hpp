#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <doctest/doctest.h>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "net/dial.hpp"
#include "net/timeout.hpp"
#include "net/ws_frame_codec.hpp"
#include "support/fake_engine.hpp"
#include "support/json_edit.hpp"

// A client that speaks to the fake engine in bytes, and tells every way in which a connection can
// end from the others.
namespace relay::test {

inline const std::string kWorkspaceKey = "rk_live_0123456789abcdef0123456789abcdef";

inline bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

inline Random& client_masks() {
  static SeededRandom random(7);
  return random;
}

/// One connection; `heard` grows.
class RawClient {
 public:
  asio::awaitable<void> connect(std::uint16_t port) {
    auto stream = co_await net::dial_tcp("127.0.0.1", std::to_string(port), kSoon);
    REQUIRE(stream.has_value());
    stream_ = std::move(*stream);
  }

  asio::awaitable<void> send(std::string bytes) { co_await stream_->write(bytes); }

  /// Reads until `text` is in what was heard, or to the end: then `end` says how.
  asio::awaitable<void> hear(std::string text) {
    while (heard.find(text) == std::string::npos && end.empty()) co_await read();
  }
  asio::awaitable<void> hear_all() {
    while (end.empty()) co_await read();
  }

  net::Stream& stream() { return *stream_; }
  void leave() { stream_.reset(); }

  std::string heard;
  /// "eof" or "reset" or "silent"
  std::string end;

 protected:
  asio::awaitable<void> read(Duration at_most = kSoon) {
    std::array<char, 65536> buffer{};
    auto work = read_into(stream_.get(), buffer);
    auto got = co_await net::with_timeout(std::move(work), at_most, "reading");
    // A read that is cancelled by the timeout ends with a value.
    if (!got || got->error == asio::error::operation_aborted) {
      end = "silent";
      co_return;
    }
    heard.append(buffer.data(), got->bytes);
    if (got->ok()) co_return;
    end = net::is_errno(got->error, std::errc::connection_reset) ? "reset" : "eof";
  }

 private:
  static asio::awaitable<Result<net::IoResult>> read_into(net::Stream* stream,
                                                          std::span<char> into) {
    co_return co_await stream->read_some(into);
  }

  net::StreamPtr stream_;
};

/// "POST /v1/nodes" with a token and a body; the connection is to be closed after it.
inline std::string request_text(const std::string& what, const std::string& token,
                                const std::string& body) {
  return what + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer " +
         token + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Sends a request and returns all that comes, with "[eof]", "[reset]" or "[silent]" at its end.
inline asio::awaitable<std::string> ask(std::uint16_t port, std::string what, std::string token,
                                        std::string body) {
  RawClient client;
  co_await client.connect(port);
  co_await client.send(request_text(what, token, body));
  co_await client.hear_all();
  co_return client.heard + "[" + client.end + "]";
}

inline std::string body_of(const std::string& answer) {
  const auto head = answer.find("\r\n\r\n");
  const auto end = answer.rfind('[');
  return head == std::string::npos ? std::string() : answer.substr(head + 4, end - head - 4);
}

/// A node: a WebSocket by hand.
class RawNode : public RawClient {
 public:
  /// True after a 101; else `heard` has the answer and `end` how it ended.
  asio::awaitable<bool> open(std::uint16_t port, std::string token) {
    co_await connect(port);
    co_await send(
        "GET /v1/node/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer " +
        token + "\r\n\r\n");
    co_await hear("\r\n\r\n");
    if (heard.rfind("HTTP/1.1 101 ", 0) != 0 || heard.find("\r\n\r\n") == std::string::npos) {
      if (end.empty()) co_await hear_all();
      co_return false;
    }
    // The answer to this key in RFC 6455.
    CHECK(heard.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") !=
          std::string::npos);
    heard.erase(0, heard.find("\r\n\r\n") + 4);
    co_return true;
  }

  asio::awaitable<void> say(std::string text) {
    std::string bytes;
    codec_.put_text(text, bytes);
    co_await send(std::move(bytes));
  }

  asio::awaitable<void> ping(std::string data) {
    std::string bytes;
    codec_.put_ping(data, bytes);
    co_await send(std::move(bytes));
  }

  asio::awaitable<void> say_close(std::uint16_t code, std::string reason) {
    std::string bytes;
    codec_.put_close(code, reason, bytes);
    co_await send(std::move(bytes));
  }

  /// The next message, or what came instead: "[close 1000 bye]", "[pong x]", "[eof]", "[reset]",
  /// "[protocol 1002]", "[silent]". Pings are answered.
  asio::awaitable<std::string> next(Duration at_most = kSoon) {
    for (;;) {
      std::span<char> rest(heard);
      auto event = codec_.next(rest);
      heard.erase(0, heard.size() - rest.size());
      if (!event && !end.empty()) {
        const std::string how = "[" + end + "]";
        if (end == "silent") end.clear();
        co_return how;
      }
      if (!event) {
        co_await read(at_most);
        continue;
      }
      switch (event->kind) {
        case net::WsEvent::Kind::text: co_return event->payload;
        case net::WsEvent::Kind::binary: co_return "[binary " + event->payload + "]";
        case net::WsEvent::Kind::pong: co_return "[pong " + event->payload + "]";
        case net::WsEvent::Kind::ping: {
          std::string bytes;
          codec_.put_pong(event->payload, bytes);
          co_await send(std::move(bytes));
          break;
        }
        case net::WsEvent::Kind::close:
          co_return "[close " + std::to_string(event->code) + " " + event->payload + "]";
        case net::WsEvent::Kind::error: co_return "[protocol " + std::to_string(event->code) + "]";
      }
    }
  }

 private:
  net::WsFrameCodec codec_ = net::WsFrameCodec::client(net::WsLimits(), client_masks());
};

inline const std::string kRegister =
    R"({"v":1,"type":"node.register","id":"r1","name":"builder-1","node_id":"node_1",)"
    R"("capabilities":[],"max_agents":0,"tags":[],"version":"t/1","resume_cursor":null})";
inline const std::string kAgent = R"({"v":1,"type":"agent.register","id":"a1","name":"worker"})";

inline std::string ack_of(const std::string& agent, int seq) {
  return R"({"v":1,"type":"delivery.ack","agent":")" + agent + R"(","up_to_seq":)" +
         std::to_string(seq) + "}";
}

/// A new token for the node builder-1.
inline asio::awaitable<std::string> minted_token(FakeEngine* engine) {
  const auto answer = co_await ask(engine->port(), "POST /v1/nodes", kWorkspaceKey,
                                   R"({"node_id":"node_1","name":"builder-1"})");
  co_return json_string_at(body_of(answer), "/data/token");
}

/// The node builder-1, registered, with one agent "worker".
inline asio::awaitable<void> start_node(FakeEngine* engine, RawNode* node) {
  const std::string token = co_await minted_token(engine);
  const bool open = co_await node->open(engine->port(), token);
  REQUIRE(open);
  co_await node->say(kRegister);
  const auto registered = co_await node->next();
  REQUIRE(json_at(registered, "/ok") == "true");
  co_await node->say(kAgent);
  const auto agent = co_await node->next();
  REQUIRE(json_string_at(agent, "/data/name") == "worker");
}

/// The texts of the next deliver frames, "one two"; of others the whole frame.
inline asio::awaitable<std::string> next_texts(RawNode* node, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) {
    const auto frame = co_await node->next();
    const auto text = json_string_at(frame, "/payload/data/text");
    all += text.empty() ? frame : text;
    if (i + 1 < count) all += " ";
  }
  co_return all;
}

}  // namespace relay::test
