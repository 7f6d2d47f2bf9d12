#include "pty/session/session_viewers.hpp"

#include <doctest/doctest.h>

#include "support/loop.hpp"

namespace relay::pty {
namespace {

using namespace std::chrono_literals;

struct ViewersFixture {
  asio::io_context io;
  OutputRing ring{16};
  SessionViewers viewers{io.get_executor(), ring};

  Result<ViewedOutput> next(std::uint64_t cursor, Duration at_most = 20s) {
    return test::run(io, viewers.next(cursor, at_most));
  }
};

}  // namespace

TEST_CASE_FIXTURE(ViewersFixture,
                  "a viewer reads at its own pace, and is told what it has missed") {
  ring.append("0123456789");
  const auto first = next(4);
  REQUIRE(first.has_value());
  CHECK(first->bytes == "456789");
  CHECK(first->next() == 10);
  CHECK_FALSE(first->cut);
  ring.append("abcdefghijklmnopqrst");
  const auto late = next(10);
  REQUIRE(late.has_value());
  CHECK(late->cut);
  CHECK(late->from == 14);
  // A cursor of another program's output: there is nothing to read, and it is told at once.
  const auto ahead = next(1000);
  REQUIRE(ahead.has_value());
  CHECK(ahead->cut);
  CHECK(ahead->next() == 30);
  CHECK(ahead->bytes.empty());
}

TEST_CASE_FIXTURE(ViewersFixture,
                  "it waits for output, for a time; after the end it reads the rest") {
  const auto nothing = next(0, 1ms);
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().code == Code::timeout);
  ring.append("last");
  viewers.close();
  CHECK(next(0)->bytes == "last");
  const auto end = next(4);
  REQUIRE_FALSE(end.has_value());
  CHECK(end.error().code == Code::connection_closed);
  CHECK(viewers.waiting() == 0);
}

}  // namespace relay::pty
