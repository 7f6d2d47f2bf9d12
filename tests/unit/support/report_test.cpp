#include "bench/report.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace {

using namespace relay::bench;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a ratio says how many times better ours is, whichever way is better") {
  Question rate("messages", more("/s"));
  rate.add("peer", {100, 50, 200});
  rate.add(kOurs, {300, 100, 400});
  rate.limit_beside("peer", 3);
  const auto text = Report("test", false).shown(rate);
  // By the round: 3, 2 and 2 times; by the medians 300 / 100.
  CHECK(has(text, "ours is 3 times as good (2 to 3), at least 3: met"));
  CHECK(text.find(kOurs) < text.find("peer"));

  Question wait("a message", less("ms"));
  wait.add(kOurs, 4.0);
  wait.add("peer", 1.0);
  wait.limit_beside("peer", 1);
  CHECK(has(Report("test", false).shown(wait), "ours is 0.25 times as good, at least 1: MISSED"));
}

TEST_CASE("a limit is the least of a rate and the most of a wait") {
  for (const auto& [unit, verdict] :
       {std::pair(more("/s"), "at least 10: met"), std::pair(less("ms"), "at most 10: MISSED")}) {
    Question question("it", unit);
    question.add(kOurs, {11, 12});
    question.limit(10);
    CHECK(has(Report("test", false).shown(question), verdict));
  }
}

TEST_CASE("who was not measured is a row that says why, and has no ratio") {
  Question question("it", more("/s"));
  question.add(kOurs, 10.0);
  question.skip("peer", "not installed");
  question.add("memory that was given back", -1.0);
  const auto text = Report("test", false).shown(question);
  CHECK(has(text, "skipped: not installed"));
  CHECK_FALSE(has(text, "times as good"));
  CHECK(has(Report("test", true).shown(question), R"({"who":"peer","skipped":"not installed"})"));
}

TEST_CASE("a limit that nothing can be held against is said not to be judged") {
  Question question("idle time", less("ms"));
  question.add(kOurs, 0.0);
  question.add("peer", 5.0);
  question.limit_beside("peer", 10);
  CHECK(has(Report("test", false).shown(question), "not judged: no ratio with a figure of 0"));
  CHECK(has(Report("test", true).shown(question), R"("not_judged":"no ratio)"));
}

TEST_CASE("a question is one line of JSON with every round in it") {
  Question question("a \"message\"", less("ms"));
  question.add(kOurs, {3, 1, 2.123456789, std::numeric_limits<double>::infinity()});
  question.add("peer", {6, 6, 6});
  question.limit(5);
  CHECK(Report("pty", true).shown(question) ==
        R"({"bench":"pty","what":"a \"message\"","unit":"ms","better":"less","of":[)"
        R"({"who":"relay-broker","median":2.5617,"least":1,"most":null,)"
        R"("rounds":[3,1,2.1235,null],"limit":5,"met":true},)"
        R"({"who":"peer","median":6,"least":6,"most":6,"rounds":[6,6,6],)"
        R"("ratio":2.3422,"ratio_least":0,"ratio_most":6}]})"
        "\n");
}

TEST_CASE("numbers are as long as they say something") {
  CHECK(in_short(0.0) == "0");
  CHECK(in_short(0.8234) == "0.823");
  CHECK(in_short(8.234) == "8.23");
  CHECK(in_short(82.34) == "82.3");
  CHECK(in_short(823.4) == "823");
  CHECK(in_short(5518.2) == "5,518");
  CHECK(in_short(-1234567) == "-1,234,567");
}

TEST_CASE("contenders take turns, and the median of two is between them") {
  std::string order;
  in_turns(2, {[&] { order += 'a'; }, [&] { order += 'b'; }});
  CHECK(order == "abab");
  CHECK(median({4, 1, 9}) == 4);
  CHECK(median({4, 1}) == 2.5);
  CHECK(median({}) == 0);
}

}  // namespace
