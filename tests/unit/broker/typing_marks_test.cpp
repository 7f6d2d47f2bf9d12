#include "broker/typing_marks.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>

#include "support/temp_dir.hpp"

namespace relay::broker {
namespace {

using Stage = TypingMarks::Stage;

const MessageKey kFirst("agt_1", "del_1", 7);
const MessageKey kSecond("agt_1", "del_1", 8);
const MessageKey kThird("agt_2", "del_1", 7);

pty::InjectionOutcome outcome_with(pty::InjectionEnd end, std::string reason) {
  pty::InjectionOutcome outcome;
  outcome.end = end;
  outcome.reason = std::move(reason);
  return outcome;
}

struct Place {
  test::TempDir temp;
  os::Path file = temp / "journal.db.typing";
  [[nodiscard]] TypingMarks open(const std::string& boot = "boot-1") const {
    return TypingMarks::open(file, boot);
  }
  void mark_first() const {
    TypingMarks marks = open();
    marks.begin();
    marks.typing(kFirst);
  }
};

}  // namespace

TEST_CASE("the next broker knows what was given to a terminal and what came of it") {
  const Place place;
  {
    TypingMarks marks = place.open();
    CHECK(marks.kept());
    CHECK_FALSE(marks.told());  // nobody was there before
    marks.begin();
    marks.typing(kFirst);
    marks.typing(kSecond);
    marks.ended(kSecond, outcome_with(pty::InjectionEnd::typed, "no_proof"));
    marks.typing(kThird);
    marks.forget(kThird);
  }
  TypingMarks next = place.open();
  CHECK(next.told());
  CHECK(next.stage_of(kFirst) == Stage::typing);
  REQUIRE(next.stage_of(kSecond) == Stage::ended);
  CHECK(next.outcome_of(kSecond).end == pty::InjectionEnd::typed);
  CHECK(next.outcome_of(kSecond).reason == "no_proof");
  CHECK(next.stage_of(kThird) == Stage::none);
  // What is no longer open anywhere is forgotten, and its place is used again.
  next.forget_all_but({kFirst});
  next.typing(kThird);
  CHECK(std::filesystem::file_size(place.file) == 513 * 64);
  const TypingMarks third = place.open();
  CHECK(third.told());
  CHECK(third.stage_of(kSecond) == Stage::none);
  CHECK(third.stage_of(kThird) == Stage::typing);
}

TEST_CASE("marks of another start of the machine say nothing") {
  const Place place;
  place.mark_first();
  const TypingMarks next = place.open("boot-2");
  CHECK(next.kept());
  CHECK_FALSE(next.told());
  CHECK(next.stage_of(kFirst) == Stage::none);
  // Nobody has looked yet at what is in doubt.
  CHECK_FALSE(place.open("boot-2").told());
  place.open("boot-2").begin();
  CHECK(place.open("boot-2").told());
  CHECK_FALSE(TypingMarks::open(place.file, "").kept());
  CHECK_FALSE(place.open("boot-2").told());
}

TEST_CASE("a file that is damaged, or not ours alone, is not believed") {
  const Place place;
  place.mark_first();
  {
    std::fstream file(place.file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(64 + 8);
    file.put('\x07');
  }
  CHECK_FALSE(place.open().told());
  // Who types without marks leaves none that speak for it.
  place.mark_first();
  REQUIRE(::chmod(place.file.c_str(), 0644) == 0);
  CHECK_FALSE(place.open().kept());
  CHECK_FALSE(place.open().told());
  place.mark_first();
  std::filesystem::create_hard_link(place.file, place.temp / "other");
  CHECK_FALSE(place.open().kept());
  CHECK_FALSE(place.open().told());
  std::filesystem::remove(place.file);
  std::filesystem::create_symlink(place.temp / "other", place.file);
  CHECK_FALSE(place.open().kept());
  CHECK_FALSE(place.open().told());
}

TEST_CASE("more than there was room for at first") {
  const Place place;
  {
    TypingMarks marks = place.open();
    marks.begin();
    for (std::uint64_t seq = 0; seq < 600; ++seq) marks.typing(MessageKey("agt", "del", seq));
  }
  const TypingMarks next = place.open();
  CHECK(next.told());
  for (std::uint64_t seq = 0; seq < 600; ++seq) {
    CHECK(next.stage_of(MessageKey("agt", "del", seq)) == Stage::typing);
  }
}

TEST_CASE("a reason that does not fit is cut, a place that cannot be had is none") {
  const Place place;
  {
    TypingMarks marks = place.open();
    marks.begin();
    marks.ended(kFirst, outcome_with(pty::InjectionEnd::dead, std::string(200, 'x')));
  }
  const TypingMarks next = place.open();
  CHECK(next.outcome_of(kFirst).reason == std::string(52, 'x'));
  CHECK_FALSE(TypingMarks::open(place.temp / "no" / "such", "boot-1").kept());
  CHECK_FALSE(boot_id().empty());
}

}  // namespace relay::broker
