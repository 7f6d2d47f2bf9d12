#include "broker/crash_insights.hpp"

#include <doctest/doctest.h>

namespace relay::broker {
namespace {

CrashView crash(const char* agent, os::ExitStatus exit, Wall at = {}) {
  CrashView view(agent, exit);
  view.at = at;
  return view;
}

}  // namespace

TEST_CASE("the way in which a program ended says what it was") {
  using os::ExitStatus;
  CHECK(crash_category(ExitStatus::signalled(9)) == "oom");
  CHECK(crash_category(ExitStatus::exited(137)) == "oom");
  CHECK(crash_category(ExitStatus::signalled(11)) == "segfault");
  CHECK(crash_category(ExitStatus::exited(139)) == "segfault");
  CHECK(crash_category(ExitStatus::signalled(15)) == "signal");
  CHECK(crash_category(ExitStatus::exited(3)) == "error");
  CHECK(crash_category(ExitStatus::exited(0)) == "unknown");
  CHECK(crash_description(ExitStatus::exited(3)) == "exit status 3");
}

TEST_CASE("crashes of one kind are one pattern that names each agent once") {
  const auto patterns = crash_patterns(
      {crash("a", os::ExitStatus::exited(1)), crash("b", os::ExitStatus::signalled(9)),
       crash("a", os::ExitStatus::exited(2)), crash("c", os::ExitStatus::exited(2))});
  REQUIRE(patterns.size() == 2);
  CHECK(patterns[0].category == "error");
  CHECK(patterns[0].count == 3);
  CHECK(patterns[0].agents == std::vector<std::string>{"a", "c"});
  CHECK(patterns[1].category == "oom");
}

TEST_CASE("each crash of the last hour costs ten points of health") {
  const Wall now{std::chrono::hours(100)};
  std::vector<CrashView> crashes;
  CHECK(health_score(crashes, now) == 100);
  crashes.push_back(crash("a", os::ExitStatus::exited(1), now - std::chrono::minutes(61)));
  CHECK(health_score(crashes, now) == 100);
  crashes.push_back(crash("a", os::ExitStatus::exited(1), now - std::chrono::minutes(59)));
  CHECK(health_score(crashes, now) == 90);
  for (int i = 0; i < 15; ++i) crashes.push_back(crash("a", os::ExitStatus::exited(1), now));
  CHECK(health_score(crashes, now) == 0);
}

TEST_CASE("crashes are read back as they were written, and nothing of other texts") {
  std::vector<CrashView> crashes{
      crash("a \"b\"", os::ExitStatus::exited(3), Wall(std::chrono::seconds(1'700'000'000))),
      crash("c", os::ExitStatus::signalled(9))};
  crashes[0].uptime = std::chrono::milliseconds(1500);
  const auto read = read_crashes(crashes_text(crashes));
  REQUIRE(read.size() == 2);
  CHECK(read[0].agent == "a \"b\"");
  CHECK(read[0].exit == os::ExitStatus::exited(3));
  CHECK(read[0].at == crashes[0].at);
  CHECK(read[0].uptime == std::chrono::milliseconds(1500));
  CHECK(read[1].exit == os::ExitStatus::signalled(9));
  for (const char* text : {"", "{}", "[1,{}]", "[{\"agent\":\"x\"}]", "not json"}) {
    CHECK(read_crashes(text).empty());
  }
}

}  // namespace relay::broker
