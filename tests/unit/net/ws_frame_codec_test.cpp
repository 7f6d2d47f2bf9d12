#include "net/ws_frame_codec.hpp"

#include <doctest/doctest.h>
#include <vector>

#include "support/ws_wire.hpp"

namespace relay::net {
namespace {

using Kind = WsEvent::Kind;
using test::ws_frame;

std::vector<WsEvent> feed(WsFrameCodec& codec, std::string bytes) {
  std::vector<WsEvent> events;
  std::span<char> input(bytes);
  while (auto event = codec.next(input)) events.push_back(std::move(*event));
  CHECK(input.empty());
  return events;
}

std::string header_only(unsigned first, std::uint64_t claimed) {
  std::string out(1, static_cast<char>(first));
  out.push_back(static_cast<char>(0xFF));
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(claimed >> shift));
  return out.append("\x37\xfa\x21\x3d", 4);
}

}  // namespace

TEST_CASE("the examples of RFC 6455 are written byte for byte") {
  auto server = WsFrameCodec::server(WsLimits());
  std::string out;
  server.put_text("Hello", out);
  CHECK(out == "\x81\x05Hello");
  out.clear();
  server.put_ping("Hello", out);
  CHECK(out == "\x89\x05Hello");
  out.clear();
  server.put_binary(std::string(256, 'x'), out);
  CHECK(out.substr(0, 4) == std::string("\x82\x7E\x01\x00", 4));
  out.clear();
  server.put_binary(std::string(65536, 'x'), out);
  CHECK(out.substr(0, 10) == std::string("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST_CASE("the masked example of RFC 6455 is read") {
  auto server = WsFrameCodec::server(WsLimits());
  const auto events = feed(server, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::text);
  CHECK(events[0].payload == "Hello");
}

TEST_CASE("what a client writes is masked with changing keys, and a server reads it") {
  SeededRandom random(1);
  auto client = WsFrameCodec::client(WsLimits(), random);
  auto server = WsFrameCodec::server(WsLimits());
  std::vector<std::string> keys;
  for (const std::size_t size : {0, 1, 7, 8, 9, 125, 126, 65535, 65536}) {
    std::string out;
    const std::string text(size, 'a');
    client.put_text(text, out);
    const std::size_t at = size < 126 ? 2 : size < 65536 ? 4 : 10;
    keys.push_back(out.substr(at, 4));
    CHECK(keys.back() != std::string(4, '\0'));
    const auto events = feed(server, out);
    REQUIRE(events.size() == 1);
    CHECK(events[0].payload == text);
  }
  for (std::size_t i = 1; i < keys.size(); ++i) CHECK(keys[i] != keys[i - 1]);
}

TEST_CASE("a frame of 1 MiB is taken and one more byte is refused from its header") {
  auto server = WsFrameCodec::server(WsLimits());
  CHECK(feed(server, ws_frame(0x82, std::string(1048576, 'x'), true)).size() == 1);
  const auto refused = feed(server, header_only(0x82, 1048577));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].kind == Kind::error);
  CHECK(refused[0].code == 1009);
}

TEST_CASE("a message of 4 MiB is taken in frames and one more byte is refused from its header") {
  const std::string mebibyte(1048576, 'x');
  auto server = WsFrameCodec::server(WsLimits());
  std::string bytes = ws_frame(0x02, mebibyte, true);
  for (int i = 0; i < 2; ++i) bytes += ws_frame(0x00, mebibyte, true);
  CHECK(feed(server, bytes).empty());
  SUBCASE("whole") {
    const auto events = feed(server, ws_frame(0x80, mebibyte, true));
    REQUIRE(events.size() == 1);
    CHECK(events[0].payload.size() == 4194304);
  }
  SUBCASE("too long") {
    CHECK(feed(server, ws_frame(0x00, mebibyte, true)).empty());
    const auto events = feed(server, std::string("\x80\x81\x37\xfa\x21\x3d", 6));
    REQUIRE(events.size() == 1);
    CHECK(events[0].code == 1009);
  }
}

TEST_CASE("claimed sizes that overflow are refused at once") {
  for (const std::uint64_t claimed :
       {std::uint64_t{1} << 30U, std::uint64_t{1} << 62U, std::uint64_t{1} << 63U,
        ~std::uint64_t{0}, ~std::uint64_t{0} - 9}) {
    CAPTURE(claimed);
    auto server = WsFrameCodec::server(WsLimits());
    CHECK(feed(server, ws_frame(0x02, "0123456789", true)).empty());
    const auto events = feed(server, header_only(0x80, claimed));
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == Kind::error);
    CHECK(events[0].code == (claimed >> 63U ? 1002 : 1009));
  }
}

TEST_CASE("messages over the frame limit are written in several frames") {
  SeededRandom random(2);
  auto client = WsFrameCodec::client(WsLimits(10, 100), random);
  auto server = WsFrameCodec::server(WsLimits(10, 100));
  std::string out;
  client.put_text("0123456789abcdefghijKLMNO", out);
  CHECK(out.size() == 25 + 3 * 6);
  CHECK(out[0] == '\x01');
  const auto events = feed(server, out);
  REQUIRE(events.size() == 1);
  CHECK(events[0].payload == "0123456789abcdefghijKLMNO");
}

TEST_CASE("a text that ends inside a character is refused, also in several fragments") {
  auto server = WsFrameCodec::server(WsLimits());
  CHECK(feed(server, ws_frame(0x01, "gr\xc3", true)).empty());
  const auto events = feed(server, ws_frame(0x80, "", true));
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::error);
  CHECK(events[0].code == 1007);
}

TEST_CASE("a close reason is cut between characters") {
  auto server = WsFrameCodec::server(WsLimits());
  std::string reason(122, 'x');
  reason += "\xc3\xa4";
  std::string out;
  server.put_close(1011, reason, out);
  CHECK(out.size() == 2 + 2 + 122);
  CHECK(out.substr(0, 4) == std::string("\x88\x7c\x03\xf3", 4));
}

TEST_CASE("nothing is looked at after a close frame") {
  auto server = WsFrameCodec::server(WsLimits());
  const auto events = feed(server, ws_frame(0x88, test::ws_close_payload(1000, "bye"), true) +
                                       ws_frame(0x81, "late", true) + "garbage");
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::close);
  CHECK(events[0].code == 1000);
  CHECK(events[0].payload == "bye");
}

}  // namespace relay::net
