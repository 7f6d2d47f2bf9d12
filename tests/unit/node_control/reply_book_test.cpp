#include "node_control/reply_book.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;

const Monotonic kBookStart{1000s};

ReplyFrame registered(const std::string& id, const std::string& name) {
  ReplyFrame frame;
  frame.id = id;
  frame.ok = true;
  frame.agent_id = "agt_" + name;
  frame.agent_name = name;
  return frame;
}

ReplyFrame refused(const std::string& id) {
  ReplyFrame frame;
  frame.id = id;
  frame.code = "node_capacity_exceeded";
  frame.message = "full";
  return frame;
}

std::string text_of(const ReplyBook::Actions& actions) {
  struct Writer {
    std::string operator()(const Answer& a) const { return "answer " + a.id; }
    std::string operator()(const GiveUp& a) const {
      return "give up " + a.id + " " + std::string(relay::name_of(a.error.code));
    }
    std::string operator()(const Compensate& a) const {
      return "deregister " + a.id + " " + a.agent_id + " " + a.agent_name;
    }
    std::string operator()(const Unmatched& a) const {
      return a.error ? "unmatched error" : "unmatched reply";
    }
  };
  std::string text;
  for (const auto& action : actions) {
    if (!text.empty()) text += ", ";
    text += std::visit(Writer(), action);
  }
  return text;
}

}  // namespace

TEST_CASE("a reply goes to the question with its id") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  REQUIRE(book.ask_registration(kBookStart, "r2", "beta"));
  REQUIRE(book.ask(kBookStart, "inventory_1"));
  CHECK(text_of(book.received(registered("r2", "beta"))) == "answer r2");
  CHECK(text_of(book.received(refused("r1"))) == "answer r1");
  ReplyFrame inventory;
  inventory.id = "inventory_1";
  inventory.ok = true;
  CHECK(text_of(book.received(inventory)) == "answer inventory_1");
  CHECK(book.open() == 0);
}

TEST_CASE("two registrations of one name: the second is refused, so a reply cannot be mixed up") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  const auto second = book.ask_registration(kBookStart, "r2", "alpha");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::name_conflict);
  CHECK(text_of(book.received(registered("made-up", "alpha"))) == "answer r1");
  CHECK(text_of(book.received(registered("made-up", "alpha"))) == "unmatched reply");
}

TEST_CASE("with an abandoned and a new registration of one name only the id decides") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  book.abandon("r1");
  REQUIRE(book.ask_registration(kBookStart, "r2", "alpha"));
  CHECK(text_of(book.received(registered("made-up", "alpha"))) == "unmatched reply");
  CHECK(text_of(book.received(registered("r2", "alpha"))) == "answer r2");
}

TEST_CASE("an error never matches by name, and a name matches a registration only") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  auto error = refused("made-up");
  error.agent_name = "alpha";
  CHECK(text_of(book.received(error)) == "unmatched error");
  REQUIRE(book.ask(kBookStart, "q1"));
  ReplyFrame generic;
  generic.id = "made-up";
  generic.ok = true;
  CHECK(text_of(book.received(generic)) == "unmatched reply");
  CHECK(book.open() == 2);
}

TEST_CASE("a reply for nobody is no error; an error for nobody is one") {
  ReplyBook book;
  CHECK(text_of(book.received(registered("x", "alpha"))) == "unmatched reply");
  CHECK(text_of(book.received(refused("x"))) == "unmatched error");
}

TEST_CASE("a caller waits 30 s; a success after that is undone at the engine") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  REQUIRE(book.next_deadline());
  CHECK(*book.next_deadline() == kBookStart + 30s);
  CHECK(text_of(book.on_time(kBookStart + 29s)) == "");
  CHECK(text_of(book.on_time(kBookStart + 30s)) == "give up r1 timeout");
  CHECK(text_of(book.on_time(kBookStart + 31s)) == "");
  CHECK(text_of(book.received(registered("r1", "alpha"))) == "deregister r1 agt_alpha alpha");
  CHECK(book.open() == 0);
}

TEST_CASE("a late error needs nothing undone") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  (void)book.on_time(kBookStart + 30s);
  CHECK(text_of(book.received(refused("r1"))) == "unmatched error");
}

TEST_CASE("a late success is not undone when the same name was registered again meanwhile") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  (void)book.on_time(kBookStart + 30s);
  REQUIRE(book.ask_registration(kBookStart + 31s, "r2", "alpha"));
  CHECK(text_of(book.received(registered("r1", "alpha"))) == "unmatched reply");
  CHECK(text_of(book.received(registered("r2", "alpha"))) == "answer r2");
}

TEST_CASE("an abandoned registration is forgotten after 300 s") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  (void)book.on_time(kBookStart + 30s);
  CHECK(*book.next_deadline() == kBookStart + 300s);
  (void)book.on_time(kBookStart + 300s);
  CHECK(book.open() == 0);
  CHECK_FALSE(book.next_deadline());
}

TEST_CASE("other questions are forgotten with their caller") {
  ReplyBook book;
  REQUIRE(book.ask(kBookStart, "q1"));
  CHECK(text_of(book.on_time(kBookStart + 30s)) == "give up q1 timeout");
  CHECK(book.open() == 0);
}

TEST_CASE("the end of the connection fails every caller and says so") {
  ReplyBook book;
  REQUIRE(book.ask_registration(kBookStart, "r1", "alpha"));
  REQUIRE(book.ask_registration(kBookStart, "r2", "beta"));
  book.abandon("r2");
  const auto actions = book.disconnected();
  CHECK(text_of(actions) == "give up r1 connection_closed");
  CHECK(std::get<GiveUp>(actions.at(0)).error.message.starts_with("node_control_disconnected"));
  CHECK(book.open() == 0);
}

TEST_CASE("at most 1024 questions are open; an id cannot be used twice") {
  ReplyBook book;
  for (int i = 0; i < 1024; ++i) REQUIRE(book.ask(kBookStart, "q" + std::to_string(i)));
  const auto one_more = book.ask(kBookStart, "more");
  REQUIRE_FALSE(one_more);
  CHECK(one_more.error().code == Code::queue_full);
  ReplyFrame reply;
  reply.id = "q5";
  reply.ok = true;
  CHECK(text_of(book.received(reply)) == "answer q5");
  CHECK_FALSE(book.ask(kBookStart, "q6"));
  CHECK(book.ask(kBookStart, "more"));
}

}  // namespace relay::node_control
