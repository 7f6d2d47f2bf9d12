#include "pty/keeper/guardian.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "pty/keeper/process_table.hpp"

namespace relay::pty::keeper {
namespace {

using std::chrono::milliseconds;

constexpr Duration kBetweenWalks = milliseconds(1);
/// What was killed and still is there after this waits in the kernel. The next keeper tells of it,
/// which it could not while we hold the lock.
constexpr Duration kGiveUpAfter = std::chrono::seconds(10);

/// The pauses between two tries at what is unfinished, and how long a try takes at most.
constexpr Duration kFirstPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::minutes(1);
constexpr Duration kTryAtMost = milliseconds(200);

bool wait_for_end(pid_t keeper, bool patiently) {
  pid_t ended = 0;
  while ((ended = ::waitpid(keeper, nullptr, patiently ? 0 : WNOHANG)) < 0 && errno == EINTR) {
  }
  return ended != 0;
}

void keep_trying(pid_t keeper, Unfinished unfinished) {
  const os::Fd end = open_pidfd(keeper);
  for (Duration pause = kFirstPause; unfinished.leftovers && !wait_for_end(keeper, false);
       pause = std::min(2 * pause, kLongestPause)) {
    pollfd waiting{end.get(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(std::chrono::ceil<milliseconds>(pause).count()));
    if (unfinished.leftovers->sweep(kTryAtMost)) return;
  }
}

}  // namespace

void guard(pid_t keeper, const Place& place, Unfinished unfinished) {
  if (unfinished.leftovers) keep_trying(keeper, std::move(unfinished));
  // Orphans come here only once the keeper has gone.
  wait_for_end(keeper, true);
  Leftovers leftovers(place);
  const SystemClock clock;
  Monotonic changed = clock.now();
  std::vector<pid_t> before;
  for (int empty = 0; empty < 2 && clock.now() - changed < kGiveUpAfter;) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    leftovers.kill_once();
    std::vector<pid_t> left = leftovers.alive();
    for (const ProcessRow& row : descendants(read_processes(), ::getpid())) {
      // The dead count: what forks and ends without a pause hides from a walk, its dead do not.
      left.push_back(row.pid);
      if (!row.dead) kill_with_group(row);
    }
    empty = left.empty() && !leftovers.life() ? empty + 1 : 0;
    if (left != before) changed = clock.now();
    before = std::move(left);
    std::this_thread::sleep_for(kBetweenWalks);
  }
  leftovers.take_fence_away();
}

}  // namespace relay::pty::keeper
