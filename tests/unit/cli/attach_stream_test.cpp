#include "cli/attach_stream.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

using Kind = AttachStep::Kind;

std::string output_at(char position, std::string_view bytes) {
  return std::string(7, '\0') + position + std::string(bytes);
}

/// A picture up to position 4: "\x1b[?1049hX".
constexpr const char* kScreen =
    R"({"type":"output_screen","cut":false,"cursor":4,"rows":24,"cols":80,"screen":"G1s/MTA0OWhY"})";

}  // namespace

TEST_CASE("first the picture, then the output behind it: nothing missing, nothing twice") {
  AttachStream stream;
  auto step = stream.text(R"({"type":"output_ready","name":"ada","generation":"g","cursor":4})");
  REQUIRE(step);
  CHECK(step->kind == Kind::nothing);
  step = stream.text(kScreen);
  REQUIRE(step);
  CHECK(step->kind == Kind::paint);
  CHECK(step->screen.paint == "\x1b[?1049hX");
  CHECK(step->screen.alternate);
  CHECK(step->screen.rows == 24);
  CHECK(step->screen.columns == 80);

  step = stream.binary(output_at(4, "abc"));
  CHECK(step->kind == Kind::print);
  CHECK(step->bytes == "abc");
  // A part of it was shown.
  step = stream.binary(output_at(5, "bcde"));
  CHECK(step->kind == Kind::print);
  CHECK(step->bytes == "de");
  CHECK(stream.binary(output_at(4, "abc"))->kind == Kind::nothing);
  CHECK(stream.binary(output_at(10, "x"))->kind == Kind::gap);
  // Another picture mends it.
  CHECK(stream.text(kScreen)->kind == Kind::paint);
  CHECK(stream.binary(output_at(4, "a"))->bytes == "a");
}

TEST_CASE("output without a picture is a gap") {
  AttachStream stream;
  CHECK(stream.binary(output_at(0, "x"))->kind == Kind::gap);
}

TEST_CASE("the end of the program, with its status if it has one") {
  AttachStream stream;
  auto step = stream.text(
      R"({"type":"output_end","name":"ada","cursor":9,"exit":"exit status 3","status":3})");
  REQUIRE(step);
  CHECK(step->kind == Kind::ended);
  CHECK(step->exit == "exit status 3");
  CHECK(step->status == 3);
  step = stream.text(R"({"type":"output_end","name":"ada","cursor":9,"exit":null})");
  CHECK(step->exit.empty());
  CHECK_FALSE(step->status);
}

TEST_CASE("what the broker refuses is said in its words; nonsense is no crash") {
  AttachStream stream;
  auto step = stream.text(
      R"({"type":"output_error","code":"agent_not_found","message":"unknown worker 'x'",)"
      R"("retryable":false,"statusCode":404})");
  REQUIRE_FALSE(step);
  CHECK(step.error().code == Code::agent_not_found);
  CHECK(step.error().message == "there is no agent called 'x'");
  CHECK(step.error().hint.find("relay-broker status") != std::string::npos);
  for (const char* wrong : {"", "{", R"({"type":"output_screen","screen":"?","cursor":1})",
                            R"({"type":"output_screen","screen":""})"}) {
    CAPTURE(wrong);
    step = stream.text(wrong);
    REQUIRE_FALSE(step);
    CHECK(step.error().code == Code::protocol_error);
  }
  CHECK(stream.binary("short").error().code == Code::protocol_error);
  CHECK(stream.text(R"({"type":"later"})")->kind == Kind::nothing);
  CHECK(stream.text("7")->kind == Kind::nothing);
}

TEST_CASE("answers to keys: who drives, and what was refused") {
  auto note = read_input_note(R"({"type":"pty_drivers","name":"ada","drivers":["a","b\u001b"]})");
  REQUIRE(note);
  CHECK(note->kind == InputNote::Kind::drivers);
  CHECK(note->drivers == std::vector<std::string>{"a", "b^["});
  note = read_input_note(R"({"type":"pty_input_error","code":"pty_write_queue_full",)"
                         R"("message":"m","retryable":true,"statusCode":503})");
  CHECK(note->kind == InputNote::Kind::refused);
  CHECK(note->error.code == Code::queue_full);
  CHECK(note->again);
  CHECK(read_input_note(R"({"type":"pty_input_ack","bytes_written":1})")->kind ==
        InputNote::Kind::typed);
  CHECK_FALSE(read_input_note("nonsense"));
}

}  // namespace relay::cli
