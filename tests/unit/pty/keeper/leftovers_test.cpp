#include "pty/keeper/leftovers.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pty/keeper/process_table.hpp"

namespace relay::pty::keeper {
namespace {

using namespace std::chrono_literals;

/// A place of this test's own. Nothing is written there.
Place place_of(std::string_view name) {
  const auto directory = fmt::format("/nowhere/{}-{}", name, ::getpid());
  return {directory, directory + "/keeper.sock"};
}

/// A process below the first of all that runs away: each link leaves a child in a session of its
/// own and ends. Returns when a few links have lived.
void start_chain(const LimitMark& mark) {
  int links[2];
  REQUIRE(::pipe(links) == 0);
  const pid_t first = ::fork();
  if (first == 0) {
    if (!wear_limit(mark.limit_of(1))) ::_exit(1);
    for (int link = 0;; ++link) {
      if (::fork() != 0) ::_exit(0);
      ::setsid();
      if (link < 5) (void)!::write(links[1], "+", 1);
      if (link == 5) ::close(links[1]);
    }
  }
  ::close(links[1]);
  char up = 0;
  while (::read(links[0], &up, 1) == 1) {
  }
  ::close(links[0]);
  ::waitpid(first, nullptr, 0);
}

/// As long as a chain may be kept from the processor before it shows itself.
constexpr Duration kShown = 60s;
/// As long as is looked whether one is left.
constexpr Duration kGone = 20ms;

/// Whether a link shows itself within a while.
bool runs(const LimitMark& mark, Duration within) {
  const SystemClock clock;
  const PidCounter counter;
  const Monotonic until = clock.now() + within;
  bool met = false;
  while (!met && clock.now() < until) {
    const auto last = counter.last();
    REQUIRE(last.has_value());
    for (pid_t pid = *last - 3; pid <= *last; ++pid) {
      const auto limit = read_limit(pid);
      if (!limit || !mark.same_place(*limit)) continue;
      const auto row = read_process(pid);
      met = met || (row && !row->dead);
    }
  }
  return met;
}

}  // namespace

TEST_CASE("a chain that outruns every look at the table is ended") {
  SeededRandom random(1);
  const Place place = place_of("chain");
  const LimitMark mark(place.directory.string(), random);
  for (int chains = 0; chains < 3; ++chains) start_chain(mark);
  CHECK(runs(mark, kShown));
  Leftovers leftovers(place);
  CHECK(leftovers.sweep(10s));
  CHECK_FALSE(runs(mark, kGone));
}

TEST_CASE("a chain of another place is none of ours") {
  SeededRandom random(1);
  const Place theirs = place_of("theirs");
  const LimitMark mark(theirs.directory.string(), random);
  start_chain(mark);
  Leftovers ours(place_of("ours"));
  CHECK(ours.sweep(10s));
  CHECK(runs(mark, kShown));
  CHECK(Leftovers(theirs).sweep(10s));
  CHECK_FALSE(runs(mark, kGone));
}

}  // namespace relay::pty::keeper
