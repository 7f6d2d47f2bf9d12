// Keys, sizes and pictures of terminals.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;

constexpr const char* kUnknownTerminal =
    R"({"code":"agent_not_found","message":"unknown worker 'w2'"})";

}  // namespace

TEST_CASE("keys are counted in bytes") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("POST", "/api/input/w1", R"({"data":"h\u00e9\r"})"), 200,
           R"({"name":"w1","bytes_written":4})"));
  CHECK(world.operations.typed == std::vector<std::string>{"w1: h\xc3\xa9\r"});
  CHECK(is(world.ask("POST", "/api/input/w2", R"({"data":"x"})"), 404, kUnknownTerminal));
  CHECK(world.ask("POST", "/api/input/w1", R"({"data":1})").status == 422);
  CHECK(world.ask("POST", "/api/input/w1", "{}").status == 422);
}

TEST_CASE("a terminal that takes no keys says which way") {
  ApiWorld world;
  world.operations.add("w1");
  const auto refused = [&](Code code) {
    world.operations.failure = Error(code, "why");
    return world.ask("POST", "/api/input/w1", R"({"data":"x"})");
  };
  CHECK(is(refused(Code::queue_full), 503, R"({"code":"pty_write_queue_full","message":"why"})"));
  CHECK(is(refused(Code::timeout), 504, R"({"code":"worker_timeout","message":"why"})"));
  CHECK(is(refused(Code::connection_closed), 503,
           R"({"code":"worker_disappeared","message":"why"})"));
}

TEST_CASE("a person at the terminal lets messages go on") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("POST", "/api/input/w1/done"), 200, R"({"name":"w1"})"));
  CHECK(world.operations.humans_done == 1);
  CHECK(is(world.ask("POST", "/api/input/w2/done"), 404, kUnknownTerminal));
}

TEST_CASE("a size is applied, and refused when it is none") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("POST", "/api/resize/w1", R"({"rows":40,"cols":120})"), 200,
           R"({"name":"w1","rows":40,"cols":120,"applied":true})"));
  const auto zero = world.ask("POST", "/api/resize/w1", R"({"rows":0,"cols":120})");
  CHECK(zero.status == 400);
  CHECK(zero.body.starts_with(R"({"code":"invalid_request","message":"invalid_dimensions: )"));
  CHECK(world.ask("POST", "/api/resize/w1", R"({"rows":65536,"cols":1})").status == 422);
  CHECK(world.ask("POST", "/api/resize/w1", R"({"rows":-1,"cols":1})").status == 422);
  CHECK(world.ask("POST", "/api/resize/w1", R"({"rows":24})").status == 422);
  CHECK(
      is(world.ask("POST", "/api/resize/w2", R"({"rows":40,"cols":120})"), 404, kUnknownTerminal));
}

TEST_CASE("of two viewers the first decides the size until it lets go") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("POST", "/api/resize/w1", R"({"rows":40,"cols":120,"session_id":"a"})"), 200,
           R"({"name":"w1","rows":40,"cols":120,"applied":true})"));
  CHECK(is(world.ask("POST", "/api/resize/w1", R"({"rows":50,"cols":90,"session_id":"b"})"), 200,
           R"({"name":"w1","rows":50,"cols":90,"applied":false,"reason":"not_resize_owner"})"));
  CHECK(is(world.ask("POST", "/api/resize/w1", R"({"rows":40,"cols":120,"session_id":"a"})"), 200,
           R"({"name":"w1","rows":40,"cols":120,"applied":false,"reason":"unchanged"})"));
  CHECK(is(world.ask("POST", "/api/resize/w1", R"({"session_id":"b","release":true})"), 200,
           R"({"name":"w1","released":false,"resized":false})"));
  CHECK(is(world.ask("POST", "/api/resize/w1",
                     R"({"rows":24,"cols":80,"session_id":"a","release":true})"),
           200, R"({"name":"w1","released":true,"resized":true})"));
  CHECK(is(world.ask("POST", "/api/resize/w1", R"({"rows":50,"cols":90,"session_id":"b"})"), 200,
           R"({"name":"w1","rows":50,"cols":90,"applied":true})"));
}

TEST_CASE("a picture is plain text, a repaint in base64, or SVG") {
  ApiWorld world;
  world.operations.add("w1");
  world.operations.print("hello \r\nyou");
  std::string rows = R"(hello\nyou)";
  for (int row = 1; row < 24; ++row) rows += R"(\n)";
  const std::string expected =
      R"({"format":"plain","rows":24,"cols":80,"cursor":[2,4],"screen":")" + rows +
      R"(","offset":11})";
  for (const auto* query : {"", "?format=plain", "?format=text", "?format="}) {
    CAPTURE(query);
    CHECK(is(world.ask("GET", std::string("/api/spawned/w1/snapshot") + query), 200, expected));
  }
  const auto ansi = world.ask("GET", "/api/spawned/w1/snapshot?format=ansi");
  // A repaint begins with ESC, which is "G" in base64.
  CHECK(ansi.body.find(R"("screen":"G)") != std::string::npos);
  CHECK(ansi.body.starts_with(R"({"format":"ansi")"));
  const auto svg = world.ask("GET", "/api/spawned/w1/snapshot?format=svg");
  CHECK(svg.body.find(R"("screen":"<svg )") != std::string::npos);
  CHECK(is(world.ask("GET", "/api/spawned/w1/snapshot?format=png"), 400,
           R"j({"code":"invalid_format",
    "message":"invalid snapshot format 'png' (expected 'plain', 'ansi' or 'svg')"})j"));
  CHECK(is(world.ask("GET", "/api/spawned/w2/snapshot"), 404, kUnknownTerminal));
}

}  // namespace relay::broker
