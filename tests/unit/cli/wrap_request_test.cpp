#include "cli/wrap_request.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace relay::cli {
namespace {

WrapMessage read_message_line(std::string_view line) {
  auto request = read_request(line);
  REQUIRE(std::holds_alternative<WrapMessage>(request));
  return std::get<WrapMessage>(std::move(request));
}

}  // namespace

TEST_CASE("a request is an id, a sender and a text; the rest is ignored") {
  const auto request =
      read_message_line(R"({"text":"a\nb","from":"alice","id":"m1","later":{"x":[1]},"id2":7})");
  CHECK(request.id == "m1");
  REQUIRE(request.letter);
  CHECK(request.letter->id == "m1");
  CHECK(request.letter->sender == "alice");
  CHECK(request.letter->body == "a\nb");
  CHECK(read_message_line(R"({"id":"m","from":"a","text":""})").letter);
}

TEST_CASE("what is missing or of another kind is refused, with the id if there is one") {
  for (const char* line :
       {R"({"id":"m","from":"a"})", R"({"id":"m","text":"t"})", R"({"id":"m","from":7,"text":"t"})",
        R"({"id":"m","from":"a","text":["t"]})", R"({"id":"m","from":"","text":"t"})"}) {
    CAPTURE(line);
    const auto request = read_message_line(line);
    CHECK(request.id == "m");
    REQUIRE_FALSE(request.letter);
    CHECK(request.letter.error().code == Code::invalid_argument);
  }
  for (const char* line : {"{}", "[]", "7", R"({"id":7,"from":"a","text":"t"})"}) {
    CAPTURE(line);
    const auto request = read_message_line(line);
    CHECK(request.id.empty());
    CHECK(request.letter.error().code == Code::invalid_argument);
  }
  for (const char* line : {"", "hello", "{\"id\":\"m\"", "{\"id\":\"m\"}x", "\xFF"}) {
    CAPTURE(line);
    CHECK(read_message_line(line).letter.error().code == Code::invalid_json);
  }
}

TEST_CASE("blanks around an id are not part of it, as its reader sees it") {
  CHECK(read_message_line(R"({"id":" m1\n","from":"a","text":"t"})").id == "m1");
  const auto blank = read_message_line(R"({"id":"\n","from":"a","text":"t"})");
  CHECK(blank.id.empty());
  REQUIRE_FALSE(blank.letter);
  CHECK(blank.letter.error().code == Code::invalid_argument);
}

TEST_CASE("names are bounded, and one that is too long is not sent back") {
  const auto with = [](std::size_t id, std::size_t sender) {
    return read_message_line(fmt::format(R"({{"id":"{}","from":"{}","text":"t"}})",
                                         std::string(id, 'i'), std::string(sender, 's')));
  };
  CHECK(with(256, 256).letter);
  const auto long_sender = with(256, 257);
  CHECK(long_sender.letter.error().code == Code::too_large);
  CHECK(long_sender.id.size() == 256);
  const auto long_id = with(257, 1);
  CHECK(long_id.letter.error().code == Code::too_large);
  CHECK(long_id.id.empty());
}

TEST_CASE("what a broker says more of a message, and what else it asks for") {
  const auto full = read_message_line(
      R"({"id":"d1","once":true,"message":"m1","from":"ann","text":"t","kind":"thread",)"
      R"("target":"#build","thread":"m0","urgent":true})");
  REQUIRE(full.letter);
  CHECK(full.id == "d1");
  CHECK(full.once);
  CHECK(full.urgent);
  CHECK(full.letter->id == "m1");
  CHECK(full.letter->kind == pty::MessageKind::thread);
  CHECK(full.letter->target == "#build");
  CHECK(full.letter->thread == "m0");
  CHECK(std::holds_alternative<WrapWatch>(read_request(R"({"watch":true})")));
  const auto end = read_request(R"({"end_within_ms":1500})");
  REQUIRE(std::holds_alternative<WrapEnd>(end));
  CHECK(std::get<WrapEnd>(end).grace == std::chrono::milliseconds(1500));
  const auto forever = read_request(R"({"end_within_ms":18446744073709551615})");
  CHECK(std::get<WrapEnd>(forever).grace == std::chrono::minutes(1));
  const auto hook = read_request(R"({"hook":"d1"})");
  REQUIRE(std::holds_alternative<WrapHook>(hook));
  CHECK(std::get<WrapHook>(hook).id == "d1");
  // A message stays one, whatever else it says.
  CHECK(read_message_line(R"({"id":"m","from":"a","text":"t","watch":true,"hook":"x"})").letter);
}

TEST_CASE("answers are one line of JSON each") {
  CHECK(refusal_line("m\"1", Error(Code::queue_full, "too many", "wait")) ==
        "{\"id\":\"m\\\"1\",\"error\":{\"code\":\"queue_full\",\"message\":\"too many\","
        "\"hint\":\"wait\"}}\n");
  CHECK(refusal_line("", Error(Code::invalid_json, "no")) ==
        "{\"id\":\"\",\"error\":{\"code\":\"invalid_json\",\"message\":\"no\"}}\n");
  const pty::InjectionOutcome dead{pty::InjectionEnd::dead, pty::Proof::none, "exited"};
  CHECK(outcome_line("m1", dead) ==
        "{\"id\":\"m1\",\"outcome\":\"dead\",\"proof\":\"none\",\"reason\":\"exited\"}\n");
}

}  // namespace relay::cli
