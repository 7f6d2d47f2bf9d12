// Runs the table of RFC 6455 cases against the codec alone and against the WebSocket over a real
// loopback connection, as server and as client, in one piece and chopped.
#include <algorithm>
#include <doctest/doctest.h>
#include <map>

#include "conformance/ws_case.hpp"
#include "net/task_group.hpp"
#include "net/websocket.hpp"
#include "support/loop.hpp"
#include "support/sanitized.hpp"
#include "support/stream_pair.hpp"
#include "support/ws_wire.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;
using net::WsEvent;

enum class Role { server, client };

Random& masks() {
  static SeededRandom random(3);
  return random;
}

std::vector<WsCase> all_cases() {
  auto cases = ws_frame_cases();
  for (auto& each : ws_utf8_cases()) cases.push_back(std::move(each));
  for (auto& each : ws_close_cases()) cases.push_back(std::move(each));
  return cases;
}

bool ends_in_close(const WsCase& each) {
  return !each.reaction.empty() && each.reaction.back().starts_with("close:");
}

std::string wire_of(const WsCase& each, Role role) {
  const bool masked = role == Role::server;
  std::string wire;
  for (const auto& frame : each.frames) {
    wire += ws_frame(frame.first, frame.payload, frame.wrong_mask != masked);
  }
  if (!ends_in_close(each)) wire += ws_frame(kClose, ws_close_payload(1000), masked);
  return wire;
}

std::vector<std::string> expected_of(const WsCase& each) {
  auto expected = each.reaction;
  if (!ends_in_close(each)) expected.emplace_back("close:1000");
  return expected;
}

/// What an echoing endpoint sends, frame by frame, read without any code of ours.
std::vector<std::string> read_answers(const std::string& wire, Role role) {
  std::vector<std::string> answers;
  std::string message;
  std::string kind;
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(wire.at(i)); };
  while (at < wire.size()) {
    const unsigned first = byte(at);
    const bool masked = (byte(at + 1) & 0x80U) != 0;
    CHECK(masked == (role == Role::client));
    std::size_t size = byte(at + 1) & 0x7FU;
    at += 2;
    for (std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0, i = 0; i < more; ++i) {
      size = (i == 0 ? 0 : size << 8U) | byte(at++);
    }
    std::string key(4, '\0');
    if (masked) {
      key = wire.substr(at, 4);
      at += 4;
    }
    std::string payload = wire.substr(at, size);
    REQUIRE(payload.size() == size);
    at += size;
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
    switch (first & 0x0FU) {
      case 1: kind = "text:"; break;
      case 2: kind = "binary:"; break;
      case 8:
        answers.push_back("close:" +
                          (size < 2 ? std::string()
                                    : std::to_string(static_cast<unsigned char>(payload[0]) * 256 +
                                                     static_cast<unsigned char>(payload[1]))));
        continue;
      case 10: answers.push_back("pong:" + payload); continue;
      default: break;
    }
    message += payload;
    if ((first & 0x80U) != 0) {
      answers.push_back(kind + message);
      message.clear();
    }
  }
  return answers;
}

/// The codec's events as the answers of an echoing endpoint.
std::vector<std::string> codec_answers(net::WsFrameCodec codec, std::string wire,
                                       std::size_t chop) {
  std::vector<std::string> answers;
  for (std::size_t at = 0; at < wire.size(); at += chop) {
    std::span<char> input(wire.data() + at, std::min(chop, wire.size() - at));
    while (auto event = codec.next(input)) {
      switch (event->kind) {
        case WsEvent::Kind::text: answers.push_back("text:" + event->payload); break;
        case WsEvent::Kind::binary: answers.push_back("binary:" + event->payload); break;
        case WsEvent::Kind::ping: answers.push_back("pong:" + event->payload); break;
        case WsEvent::Kind::pong: break;
        case WsEvent::Kind::close:
          answers.push_back(event->code == 1005 ? "close:"
                                                : "close:" + std::to_string(event->code));
          break;
        case WsEvent::Kind::error: answers.push_back("close:" + std::to_string(event->code)); break;
      }
    }
    if (!input.empty()) answers.emplace_back("input was left");
  }
  return answers;
}

asio::awaitable<void> echo(net::WebSocket* socket) {
  for (;;) {
    auto message = co_await socket->receive(20s);
    if (!message) co_return;
    if (message->is_text) {
      auto sent = co_await socket->send(std::move(message->payload), 20s);
      if (!sent) co_return;
    } else if (!socket->try_send_binary(message->payload)) {
      co_return;
    }
  }
}

asio::awaitable<void> write_chopped(net::Stream* stream, std::string wire, std::size_t chop) {
  for (std::size_t at = 0; at < wire.size(); at += chop) {
    const std::size_t n = std::min(chop, wire.size() - at);
    const auto sent = co_await stream->write(std::span<const char>(wire).subspan(at, n));
    if (!sent.ok()) co_return;
  }
}

asio::awaitable<std::string> socket_answers(Role role, std::string wire, std::size_t chop,
                                            net::WsOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  auto pair = co_await connect_pair();
  auto socket = role == Role::server
                    ? net::WebSocket::server(std::move(pair.far), {}, options)
                    : net::WebSocket::client(std::move(pair.far), {}, options, masks());
  net::TaskGroup group(executor);
  group.spawn(echo(&socket));
  group.spawn(write_chopped(pair.near.get(), std::move(wire), chop));
  auto heard = co_await read_all(pair.near.get());
  pair.near->close();
  co_await net::shielded();
  co_await group.join();
  co_return heard;
}

/// Too long to print when it fails.
std::string brief(const std::vector<std::string>& answers) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(answers.size(), 8); ++i) {
    out += answers[i].size() > 40
               ? answers[i].substr(0, 20) + "…" + std::to_string(answers[i].size())
               : answers[i];
    out += " | ";
  }
  return out;
}

void check(const std::vector<std::string>& got, const std::vector<std::string>& expected) {
  const bool same = got == expected;
  INFO("got " << brief(got) << " expected " << brief(expected));
  CHECK(same);
}

net::WsFrameCodec codec_of(Role role) {
  return role == Role::server ? net::WsFrameCodec::server(net::WsLimits())
                              : net::WsFrameCodec::client(net::WsLimits(), masks());
}

/// Under a sanitizer, for which a megabyte of single bytes takes a minute, what is longer than this
/// goes in small pieces.
constexpr std::size_t kBytewise = std::size_t{128} << 10U;

}  // namespace

TEST_CASE("every case holds for the codec, in one piece, byte by byte and in pieces of 997") {
  for (const auto& each : all_cases()) {
    for (const Role role : {Role::server, Role::client}) {
      const auto wire = wire_of(each, role);
      const std::size_t smallest = test::kSanitized && wire.size() > kBytewise ? 61 : 1;
      for (const std::size_t chop : {wire.size(), smallest, std::size_t{997}}) {
        CAPTURE(each.id);
        CAPTURE(static_cast<int>(role));
        CAPTURE(chop);
        check(codec_answers(codec_of(role), wire, chop), expected_of(each));
      }
    }
  }
}

TEST_CASE("every case holds for the socket, in one piece and chopped") {
  for (const auto& each : all_cases()) {
    for (const Role role : {Role::server, Role::client}) {
      const auto wire = wire_of(each, role);
      // Byte by byte only where that is not a million system calls.
      const std::size_t small = wire.size() < 300 ? 1 : 4099;
      for (const std::size_t chop : {wire.size(), small}) {
        asio::io_context io;
        CAPTURE(each.id);
        CAPTURE(static_cast<int>(role));
        CAPTURE(chop);
        const auto heard = run(io, socket_answers(role, wire, chop, net::WsOptions()));
        check(read_answers(heard, role), expected_of(each));
      }
    }
  }
}

TEST_CASE("10.1 a message over the frame limit goes out in fragments of that size") {
  net::WsOptions options;
  options.limits.frame_most = 1300;
  const std::string text(65536, 'f');
  std::string wire;
  for (std::size_t at = 0; at < text.size(); at += 1024) {
    wire += ws_frame((at == 0 ? kFirstText : kMore) | (at + 1024 == text.size() ? 0x80U : 0U),
                     text.substr(at, 1024), true);
  }
  wire += ws_frame(kClose, ws_close_payload(1000), true);
  asio::io_context io;
  const auto heard = run(io, socket_answers(Role::server, wire, wire.size(), options));
  CHECK(heard.substr(0, 4) == "\x01\x7e\x05\x14");
  check(read_answers(heard, Role::server), {"text:" + text, "close:1000"});
}

TEST_CASE(
    "S9: lengths in a longer form than needed, and claims of a gigabyte, are refused at once") {
  const std::map<std::string, std::string> cases{
      {std::string("\x81\xfe\x00\x05", 4), "close:1002"},
      {std::string("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff", 10), "close:1002"},
      {std::string("\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00", 10), "close:1009"},
      {std::string("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01", 10), "close:1002"},
  };
  for (const auto& [header, expected] : cases) {
    asio::io_context io;
    const auto wire = header + "\x37\xfa\x21\x3d";
    const auto heard = run(io, socket_answers(Role::server, wire, wire.size(), net::WsOptions()));
    check(read_answers(heard, Role::server), {expected});
  }
}

}  // namespace relay::test
