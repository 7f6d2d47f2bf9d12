#include "broker/obligations.hpp"

#include <doctest/doctest.h>

namespace relay::broker {
namespace {

using namespace std::chrono_literals;

const Monotonic kStart{1000s};

struct Asked {
  Asked() { obligations.queued(kStart, "ada", "msg_1", "bob", "do it @@c2a-obligation@@"); }
  std::size_t said(Duration after) { return obligations.due(kStart + after).size(); }
  Obligations obligations{500ms};
};

}  // namespace

TEST_CASE_FIXTURE(Asked, "an agent is reminded three times, at intervals") {
  CHECK(obligations.next_deadline() == kStart + 500ms);
  CHECK(said(499ms) == 0);
  const auto first = obligations.due(kStart + 500ms);
  REQUIRE(first.size() == 1);
  CHECK(first[0].agent == "ada");
  CHECK(first[0].message_id == "msg_1");
  CHECK(first[0].author == "bob");
  CHECK(said(999ms) == 0);
  CHECK(said(1000ms) == 1);
  CHECK(said(1500ms) == 1);
  CHECK(said(10s) == 0);
  CHECK_FALSE(obligations.next_deadline());
}

TEST_CASE_FIXTURE(Asked, "a check mark of the author ends it, and nothing else") {
  obligations.reacted("msg_1", "ada", "\u2705");
  obligations.reacted("msg_1", "bob", "\U0001F440");
  obligations.reacted("msg_2", "bob", "\u2705");
  CHECK(said(500ms) == 1);
  obligations.reacted("msg_1", "bob", "\u2705");
  CHECK(said(10s) == 0);
}

TEST_CASE_FIXTURE(Asked, "a message that comes again is one obligation") {
  obligations.queued(kStart + 400ms, "ada", "msg_1", "bob", "@@c2a-obligation@@");
  CHECK(said(500ms) == 1);
  // The same message of a channel, for somebody else.
  obligations.queued(kStart + 600ms, "zoe", "msg_1", "bob", "@@c2a-obligation@@");
  CHECK(said(1100ms) == 2);
}

TEST_CASE("a reminder is no obligation, nor is a message without the mark, nor any when off") {
  Obligations obligations(500ms);
  obligations.queued(kStart, "ada", "m1", "bob", "@@c2a-obligation-return@@m0");
  obligations.queued(kStart, "ada", "m2", "bob", "hello");
  CHECK_FALSE(obligations.next_deadline());
  Obligations off(Duration::zero());
  off.queued(kStart, "ada", "m3", "bob", "@@c2a-obligation@@");
  CHECK_FALSE(off.next_deadline());
}

TEST_CASE("they are bounded: the oldest goes") {
  Obligations obligations(1s);
  for (std::size_t i = 0; i <= Obligations::kMost; ++i) {
    obligations.queued(kStart, "ada", "m" + std::to_string(i), "bob", "@@c2a-obligation@@");
  }
  const auto due = obligations.due(kStart + 1s);
  REQUIRE(due.size() == Obligations::kMost);
  CHECK(due.front().message_id == "m1");
}

}  // namespace relay::broker
