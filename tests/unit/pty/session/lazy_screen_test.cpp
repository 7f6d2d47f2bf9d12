#include "pty/session/lazy_screen.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>

#include "pty/screen/snapshot.hpp"

namespace relay::pty {
namespace {

constexpr std::size_t kRing = 256;

/// A ring, its lazy screen, and a screen that sees every byte.
struct LazyFixture {
  OutputRing ring{kRing};
  LazyScreen lazy{ring, os::WindowSize{20, 5}};
  Screen all{5, 20};

  void print(const std::string& bytes) {
    lazy.before(bytes, kRing);
    ring.append(bytes);
    all.feed(bytes);
  }
  void check_same() {
    CHECK(plain_snapshot(lazy.now().view()) == plain_snapshot(all.view()));
    CHECK(lazy.now().modes() == all.modes());
    CHECK(lazy.now().offset() == ring.end());
  }
};

}  // namespace

TEST_CASE_FIXTURE(LazyFixture, "there is no screen before a look, and then it shows the ring") {
  print("\x1B[?2004hhello\r\nworld");
  CHECK_FALSE(lazy.made());
  check_same();
  CHECK(lazy.made());
}

TEST_CASE_FIXTURE(LazyFixture, "after the first look nothing is missed, however much is printed") {
  print("\x1B[?2004h\x1B[?25l\x1B[2;4r");
  check_same();
  for (int i = 0; i < 200; ++i) print(fmt::format("\x1B[{}mline {}\r\n", 30 + i % 8, i));
  check_same();
  // One piece that is longer than the ring.
  std::string flood;
  for (int i = 0; flood.size() < 3 * kRing; ++i) flood += fmt::format("{} \x1B[1;{}H", i, i % 20);
  print(flood);
  check_same();
  CHECK(lazy.now().modes().bracketed_paste);
}

TEST_CASE_FIXTURE(LazyFixture, "a query sees the screen up to itself, and nothing is shown twice") {
  print("ab");
  const std::string piece = "cd\r\nef";
  CHECK(lazy.facts_at(piece, 2).cursor_column == 4);
  const auto later = lazy.facts_at(piece, 5);
  CHECK(later.cursor_row == 1);
  CHECK(later.cursor_column == 1);
  print(piece);
  check_same();
  // Also when the ring drops what was shown ahead.
  const std::string flood(2 * kRing, 'x');
  CHECK(lazy.facts_at(flood, kRing + 7).cursor_column == all.reported_column() + (kRing + 7) % 20);
  print(flood);
  check_same();
}

TEST_CASE_FIXTURE(LazyFixture, "what was printed before a resize is shown in the old size") {
  print("x");
  check_same();
  print(std::string(20, 'y'));
  lazy.resize({30, 5});
  all.resize(5, 30);
  check_same();
  print("\r\nz");
  check_same();
}

TEST_CASE_FIXTURE(LazyFixture, "a screen that is dropped is made anew from what the ring holds") {
  print("one\r\n");
  check_same();
  lazy.drop();
  CHECK_FALSE(lazy.made());
  print("two");
  check_same();
}

}  // namespace relay::pty
