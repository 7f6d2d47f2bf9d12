// The checker of histories: good ones pass, and for each promise one that breaks it does not.
#include "support/history.hpp"

#include <doctest/doctest.h>

namespace relay::test {
namespace {

using Kind = HistoryEvent::Kind;

HistoryEvent about(Kind kind, const std::string& message, const std::string& agent = "ada") {
  HistoryEvent event;
  event.kind = kind;
  event.agent = agent;
  event.message = message;
  return event;
}

HistoryEvent numbered(const std::string& message, std::uint64_t number) {
  HistoryEvent event = about(Kind::numbered, message);
  event.number = number;
  return event;
}

HistoryEvent shown_again(const std::string& message) {
  HistoryEvent event = about(Kind::shown, message);
  event.repeat = true;
  return event;
}

HistoryEvent shown_at(const std::string& message, const std::string& place) {
  HistoryEvent event = about(Kind::shown, message);
  event.place = place;
  return event;
}

/// Two messages on their way, which nobody has read.
std::vector<HistoryEvent> two_sent() {
  return {about(Kind::send, "m1"), numbered("m1", 1), about(Kind::accepted, "m1"),
          about(Kind::send, "m2"), numbered("m2", 2), about(Kind::accepted, "m2")};
}

std::string verdict(std::vector<HistoryEvent> events, const std::vector<HistoryEvent>& more,
                    const std::vector<std::string>& gone = {}) {
  events.insert(events.end(), more.begin(), more.end());
  return check_history(events, gone).value_or("good");
}

TEST_CASE("each message read once and acknowledged, and a call answered, is a good history") {
  const std::vector<HistoryEvent> rest{about(Kind::shown, "m1"),   about(Kind::acked, "m1"),
                                       about(Kind::shown, "m2"),   about(Kind::acked, "m2"),
                                       about(Kind::call, "c1"),    about(Kind::called, "c1"),
                                       about(Kind::answered, "c1")};
  CHECK(verdict(two_sent(), rest) == "good");
}

TEST_CASE("a dead letter is an end, and so is what a terminal holds") {
  const std::vector<HistoryEvent> rest{about(Kind::buried, "m1"), about(Kind::acked, "m1"),
                                       about(Kind::handed, "m2"), about(Kind::acked, "m2")};
  CHECK(verdict(two_sent(), rest) == "good");
}

TEST_CASE("a repeat that says so is good once for each crash") {
  std::vector<HistoryEvent> rest{about(Kind::shown, "m1"), about(Kind::crashed, {}),
                                 shown_again("m1"),        about(Kind::acked, "m1"),
                                 about(Kind::shown, "m2"), about(Kind::acked, "m2")};
  CHECK(verdict(two_sent(), rest) == "good");
  rest.insert(rest.begin() + 3, shown_again("m1"));
  CHECK(verdict(two_sent(), rest).find("more often than it crashed") != std::string::npos);
}

TEST_CASE("a crash before a message was sent is none of its own") {
  const std::vector<HistoryEvent> rest{about(Kind::shown, "m1"), shown_again("m1")};
  std::vector<HistoryEvent> sent_later{about(Kind::crashed, {}), about(Kind::crashed, {})};
  for (const auto& event : two_sent()) sent_later.push_back(event);
  CHECK(verdict(sent_later, rest).find("there was no crash") != std::string::npos);
  sent_later.push_back(about(Kind::crashed, {}));
  std::vector<HistoryEvent> twice = rest;
  twice.push_back(shown_again("m1"));
  CHECK(verdict(sent_later, twice).find("more often than it crashed") != std::string::npos);
}

TEST_CASE("a message that says that it may be a repeat without a crash is refused") {
  CHECK(verdict(two_sent(), {shown_again("m1")})
            .find("ada has read message m1 as a possible repeat, and there was no crash") !=
        std::string::npos);
  CHECK(verdict(two_sent(), {about(Kind::crashed, {}, "bob"), shown_again("m1")})
            .find("there was no crash") != std::string::npos);
  // What was typed before the crash was never read.
  const std::vector<HistoryEvent> rest{about(Kind::crashed, {}), shown_again("m1"),
                                       about(Kind::acked, "m1"), about(Kind::shown, "m2"),
                                       about(Kind::acked, "m2")};
  CHECK(verdict(two_sent(), rest) == "good");
}

TEST_CASE("acknowledged and never read is refused") {
  CHECK(verdict(two_sent(), {about(Kind::acked, "m1")}).find("was acknowledged, but ada") !=
        std::string::npos);
}

TEST_CASE("read after it was acknowledged is too late") {
  CHECK(verdict(two_sent(), {about(Kind::acked, "m1"), about(Kind::shown, "m1")})
            .find("event 7: message m1 was acknowledged") != std::string::npos);
}

TEST_CASE("read twice without a word is refused, also after a crash") {
  CHECK(verdict(two_sent(), {about(Kind::shown, "m1"), about(Kind::shown, "m1")})
            .find("ada has read message m1 twice") != std::string::npos);
  CHECK(verdict(two_sent(),
                {about(Kind::shown, "m1"), about(Kind::crashed, {}), about(Kind::shown, "m1")})
            .find("ada has read message m1 twice") != std::string::npos);
}

TEST_CASE("out of the order of the mailbox is refused unless it was asked for") {
  CHECK(verdict(two_sent(), {about(Kind::shown, "m2"), about(Kind::shown, "m1")})
            .find("ada has read message m1 behind m2") != std::string::npos);
  HistoryEvent urgent = about(Kind::shown, "m2");
  urgent.out_of_order = true;
  const std::vector<HistoryEvent> rest{urgent, about(Kind::acked, "m2"), about(Kind::shown, "m1"),
                                       about(Kind::acked, "m1")};
  CHECK(verdict(two_sent(), rest) == "good");
}

TEST_CASE("what an agent reads again at another place is good once for each move") {
  const std::vector<HistoryEvent> rest{shown_at("m1", "here"),   shown_at("m2", "here"),
                                       about(Kind::moved, {}),   shown_at("m1", "there"),
                                       about(Kind::acked, "m1"), shown_at("m2", "there"),
                                       about(Kind::acked, "m2")};
  CHECK(verdict(two_sent(), rest) == "good");
  CHECK(verdict(two_sent(), {shown_at("m1", "here"), shown_at("m1", "there")})
            .find("ada has read message m1 at more places than it was moved to") !=
        std::string::npos);
  CHECK(verdict(two_sent(), {shown_at("m1", "here"), about(Kind::moved, {}),
                             shown_at("m1", "there"), shown_at("m1", "elsewhere")})
            .find("at more places") != std::string::npos);
  std::vector<HistoryEvent> sent_later{about(Kind::moved, {})};
  for (const auto& event : two_sent()) sent_later.push_back(event);
  CHECK(verdict(sent_later, {shown_at("m1", "here"), shown_at("m1", "there")})
            .find("at more places") != std::string::npos);
}

TEST_CASE("a move forgives no repeat and no disorder at one place") {
  CHECK(verdict(two_sent(), {shown_at("m1", "here"), about(Kind::moved, {}),
                             shown_at("m1", "there"), shown_at("m1", "there")})
            .find("ada has read message m1 twice") != std::string::npos);
  CHECK(
      verdict(two_sent(), {shown_at("m1", "here"), about(Kind::moved, {}), shown_at("m1", "here")})
          .find("ada has read message m1 twice") != std::string::npos);
  CHECK(verdict(two_sent(), {shown_at("m2", "here"), about(Kind::moved, {}),
                             shown_at("m2", "there"), shown_at("m1", "there")})
            .find("behind m2") != std::string::npos);
}

TEST_CASE("what another agent reads is refused, and what nobody sent, and what was refused") {
  CHECK(verdict(two_sent(), {about(Kind::shown, "m1", "bob")}).find("which is for ada") !=
        std::string::npos);
  CHECK(verdict(two_sent(), {about(Kind::shown, "m9")}).find("never sent") != std::string::npos);
  CHECK(verdict({about(Kind::send, "m1"), about(Kind::refused, "m1")}, {about(Kind::shown, "m1")})
            .find("was refused, and read") != std::string::npos);
}

TEST_CASE("an unknown outcome may be read or not, an accepted one has to end") {
  CHECK(verdict({about(Kind::send, "m1"), about(Kind::unknown, "m1")}, {}) == "good");
  CHECK(verdict(two_sent(), {about(Kind::shown, "m1"), about(Kind::acked, "m1")})
            .find("m2 for ada was accepted and never came to an end") != std::string::npos);
  CHECK(verdict(two_sent(), {}, {"ada"}) == "good");
}

TEST_CASE("one message kept twice, accepted and refused, or sent twice is refused") {
  CHECK(verdict(two_sent(), {numbered("m1", 3)}).find("kept twice") != std::string::npos);
  CHECK(verdict(two_sent(), {about(Kind::refused, "m1")}).find("accepted and refused") !=
        std::string::npos);
  CHECK(verdict(two_sent(), {about(Kind::send, "m1")}).find("sent twice") != std::string::npos);
}

TEST_CASE("a call that is answered twice, never, or that nobody made is refused") {
  const std::vector<HistoryEvent> made{about(Kind::call, "c1"), about(Kind::called, "c1")};
  CHECK(verdict(made, {about(Kind::answered, "c1"), about(Kind::answered, "c1")})
            .find("answered twice") != std::string::npos);
  CHECK(verdict(made, {}).find("never answered") != std::string::npos);
  CHECK(verdict({}, {about(Kind::answered, "c2")}).find("never made") != std::string::npos);
}

}  // namespace
}  // namespace relay::test
