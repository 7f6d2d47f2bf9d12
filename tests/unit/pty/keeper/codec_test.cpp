#include "pty/keeper/codec.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::pty::keeper {
namespace {

using namespace std::string_literals;

std::string wire_of(const Request& message) {
  std::string wire;
  REQUIRE(encode(message, wire).has_value());
  return wire;
}

std::string wire_of(const Report& message) {
  std::string wire;
  REQUIRE(encode(message, wire).has_value());
  return wire;
}

Spawn some_spawn() {
  Spawn spawn;
  spawn.request = 5;
  spawn.generation = "g";
  spawn.agent = "a";
  spawn.program = "p";
  spawn.argv = {"x", ""};
  spawn.environment = {"A=b"};
  spawn.cwd = "/";
  spawn.columns = 80;
  spawn.rows = 24;
  return spawn;
}

}  // namespace

TEST_CASE("the bytes of messages, restated by hand") {
  CHECK(wire_of(Hello{1, 258}) == "\x0d\0\0\0\x01\x01\0\0\0\x02\x01\0\0\0\0\0\0"s);
  CHECK(wire_of(some_spawn()) ==
        "\x39\0\0\0\x02\x05\0\0\0"
        "\x01\0\0\0g\x01\0\0\0a\x01\0\0\0p"
        "\x02\0\0\0\x01\0\0\0x\0\0\0\0"
        "\x01\0\0\0\x03\0\0\0A=b"
        "\x01\0\0\0/"
        "\x50\0\0\0\x18\0\0\0"s);
  CHECK(wire_of(Kill{"g", 1}) == "\x0e\0\0\0\x03\x01\0\0\0g\x01\0\0\0\0\0\0\0"s);
  CHECK(wire_of(Exited{"g", {true, 9}}) == "\x0b\0\0\0\x69\x01\0\0\0g\x01\x09\0\0\0"s);
  CHECK(wire_of(Warning{"w", ""}) == "\x0a\0\0\0\x6f\x01\0\0\0w\0\0\0\0"s);
  CHECK(wire_of(Bye{}) == "\x01\0\0\0\x6d"s);
}

TEST_CASE("what was encoded is decoded, and with a byte less or more it is not") {
  const std::string wire = wire_of(some_spawn());
  const auto body = wire.substr(4);
  const auto back = decode_request(body);
  REQUIRE(back.has_value());
  CHECK(std::get<Spawn>(*back).argv == std::vector<std::string>{"x", ""});
  CHECK(std::get<Spawn>(*back).rows == 24);
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    CHECK_FALSE(decode_request(body.substr(0, cut)).has_value());
  }
  CHECK_FALSE(decode_request(body + "x").has_value());
}

TEST_CASE("reports and requests are not taken for each other") {
  CHECK_FALSE(decode_request(wire_of(Bye{}).substr(4)).has_value());
  CHECK_FALSE(decode_report(wire_of(Hello{}).substr(4)).has_value());
  CHECK_FALSE(decode_request("").has_value());
  CHECK(decode_request("\x63").error().message == "a message of unknown type 99");
}

TEST_CASE("a count cannot claim more than was sent") {
  // A listing of 4,294,967,295 sessions, and one of many empty ones that are too short.
  CHECK_FALSE(decode_report("\x6b\x01\0\0\0\xff\xff\xff\xff"s).has_value());
  CHECK_FALSE(decode_report("\x6b\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0"s).has_value());
  CHECK_FALSE(decode_report("\x6a\xff\xff\xff\x7fg"s).has_value());
}

TEST_CASE("a truth is 0 or 1") {
  CHECK(decode_report("\x69\x01\0\0\0g\x01\x09\0\0\0"s).has_value());
  CHECK_FALSE(decode_report("\x69\x01\0\0\0g\x02\x09\0\0\0"s).has_value());
}

TEST_CASE("a message that is too long is refused, and nothing of it is written") {
  Spawn spawn = some_spawn();
  spawn.environment = {std::string(std::size_t{4} << 20U, 'x')};
  std::string wire = "before";
  const auto encoded = encode(Request(spawn), wire);
  REQUIRE_FALSE(encoded.has_value());
  CHECK(encoded.error().code == Code::too_large);
  CHECK(wire == "before");
}

TEST_CASE("a stream is cut into frames wherever it is cut in pieces") {
  std::string wire = wire_of(Kill{"one", 1});
  wire += wire_of(Forget{"two"});
  for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
    FrameBuffer frames;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      frames.append(std::string_view(wire).substr(at, piece));
      for (auto next = frames.next(); next && *next; next = frames.next()) {
        found.emplace_back(**next);
      }
    }
    REQUIRE(found.size() == 2);
    CHECK(std::get<Forget>(decode_request(found[1]).value()).generation == "two");
    CHECK(frames.empty());
  }
}

TEST_CASE("an impossible length ends the stream") {
  FrameBuffer empty;
  empty.append("\0\0\0\0"s);
  CHECK(empty.next().error().code == Code::protocol_error);
  FrameBuffer huge;
  huge.append("\x01\0\x40\0"s);
  CHECK(huge.next().error().code == Code::protocol_error);
}

}  // namespace relay::pty::keeper
