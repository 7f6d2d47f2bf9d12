#include "pty/session/size_lease.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::pty {
namespace {

using namespace std::chrono_literals;

struct LeaseFixture {
  FakeClock clock;
  SizeLease lease;

  SizeAnswer ask(const std::string& viewer, unsigned columns, unsigned rows, bool release = false) {
    return lease.ask(clock.now(), SizeRequest{viewer, columns, rows, release});
  }
};

}  // namespace

TEST_CASE_FIXTURE(LeaseFixture, "the first viewer owns the size, another is refused") {
  CHECK(ask("a", 80, 24).apply);
  CHECK_FALSE(ask("b", 100, 30).apply);
  CHECK(std::string(ask("b", 100, 30).reason) == "not_resize_owner");
  CHECK(ask("a", 90, 24).apply);
}

TEST_CASE_FIXTURE(LeaseFixture,
                  "an owner that repeats its size is alive; a silent one is replaced") {
  CHECK(ask("a", 80, 24).apply);
  clock.advance(299s);
  const auto same = ask("a", 80, 24);
  CHECK_FALSE(same.apply);
  CHECK(std::string(same.reason) == "unchanged");
  clock.advance(299s);
  CHECK_FALSE(ask("b", 100, 30).apply);
  clock.advance(1s);
  CHECK(ask("b", 100, 30).apply);
  CHECK_FALSE(ask("a", 80, 24).apply);
}

TEST_CASE_FIXTURE(LeaseFixture,
                  "who names nobody always applies, owns nothing and keeps nobody alive") {
  CHECK(ask("", 80, 24).apply);
  CHECK_FALSE(lease.owned());
  CHECK(ask("a", 80, 24).apply);
  clock.advance(200s);
  CHECK(ask("", 100, 30).apply);
  // The owner's record has followed.
  CHECK(ask("a", 80, 24).apply);
  clock.advance(200s);
  CHECK(ask("", 100, 30).apply);
  clock.advance(100s);
  CHECK(ask("b", 70, 20).apply);
}

TEST_CASE_FIXTURE(LeaseFixture, "an owner goes, and leaves a size if it names one") {
  CHECK(ask("a", 80, 24).apply);
  CHECK_FALSE(ask("b", 0, 0, true).released);
  const auto left = ask("a", 80, 25, true);
  CHECK(left.released);
  CHECK(left.apply);
  CHECK(ask("b", 100, 30).apply);
  const auto gone = ask("b", 0, 0, true);
  CHECK(gone.released);
  CHECK_FALSE(gone.apply);
}

TEST_CASE_FIXTURE(LeaseFixture, "no terminal has a side of nothing or of more than 65535") {
  CHECK(std::string(ask("a", 0, 24).reason) == "invalid_dimensions");
  CHECK(std::string(ask("", 80, 65536).reason) == "invalid_dimensions");
  CHECK_FALSE(lease.owned());
  CHECK(ask("", 65535, 1).apply);
}

}  // namespace relay::pty
