#include "cli/autostart.hpp"

#include "cli/find_broker.hpp"
#include "cli/node_setup.hpp"
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/posix_processes.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

constexpr Duration kBrokerStartsWithin = std::chrono::seconds(60);
constexpr std::size_t kMostWords = 4096;

/// What a program says on standard error, and its status.
Result<void> run_serve_in_background(const std::string& instance) {
  std::vector<std::string> argv{"relay-broker", "serve", "--background"};
  if (!instance.empty()) argv.insert(argv.end(), {"--instance", instance});
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os::errno_error(errno, "cannot start"));
  const os::Fd reads(ends[0]);
  os::Fd writes(ends[1]);
  os::Command command(std::move(argv), os::Environment::of_process());
  command.program = "/proc/self/exe";
  command.error = writes.get();
  auto broker = os::PosixProcesses().start(command);
  if (!broker) return fail(std::move(broker).error());
  writes = os::Fd();
  std::string said;
  std::array<char, 1024> buffer;
  // Its end closes the pipe; the broker that it leaves behind has a log of its own by then.
  for (;;) {
    const auto got = ::read(reads.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (said.size() < kMostWords) said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const auto status = (*broker)->wait(kBrokerStartsWithin);
  if (!status) return fail(status.error());
  if (status->success()) return {};
  while (said.ends_with('\n')) said.pop_back();
  return fail(Code::broker_not_running,
              "the broker of this directory could not be started: " + status->text() +
                  (said.empty() ? "" : "\n" + said),
              "relay-broker wrap --no-inject runs the program without messages");
}

}  // namespace

Result<broker::Instance> find_or_start_broker(const std::string& instance, bool autostart) {
  auto here = find_running_broker(instance);
  if (!here) return fail(std::move(here).error());
  if (*here) return **std::move(here);
  if (!autostart) {
    return fail(Code::broker_not_running, "no broker runs for this directory",
                "start one with relay-broker serve, or leave --no-autostart out");
  }
  if (os::is_terminal(STDERR_FILENO)) note("starting the broker of this directory");
  auto started = run_serve_in_background(instance);
  // Two who start at once: the other one's broker will do.
  here = find_running_broker(instance);
  if (here && *here) return **std::move(here);
  if (!started) return fail(std::move(started).error());
  return fail(Code::broker_not_running, "the broker has ended at once",
              "relay-broker serve shows why");
}

}  // namespace relay::cli
