#include "pty/keeper/guardian.hpp"

#include <cerrno>
#include <chrono>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "os/system_random.hpp"
#include "pty/keeper/marks.hpp"
#include "pty/keeper/process_table.hpp"

namespace relay::pty::keeper {
namespace {

/// What still lives after so many walks waits in the kernel, where no signal helps: we come back
/// less often.
constexpr int kGuardianBriskWalks = 2000;

}  // namespace

void guard(pid_t keeper, const Place& place) {
  // Orphans come here only once the keeper has gone.
  while (::waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
  }
  os::SystemRandom random;
  const LimitMark mark(place.directory.string(), random);
  const pid_t self = ::getpid();
  const auto ancestors = line_of_ancestors(read_processes(), self);
  int empty = 0;
  for (int walks = 0; empty < 2; ++walks) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    // Killed when met, as in the keeper's own walk: some do not live until the table is read.
    const auto rows = read_processes([&](pid_t pid) {
      const auto limit = read_limit(pid);
      if (!limit || !mark.same_place(*limit) || ancestors.count(pid) != 0) return;
      kill_with_group(pid, [&] { return read_limit(pid) == limit; });
    });
    std::size_t left = 0;
    for (const ProcessRow& row : descendants(rows, self)) {
      // The dead count: what forks and ends without a pause hides from a walk, its dead do not.
      ++left;
      if (!row.dead) kill_with_group(row);
    }
    empty = left == 0 ? empty + 1 : 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(walks < kGuardianBriskWalks ? 1 : 100));
  }
}

}  // namespace relay::pty::keeper
