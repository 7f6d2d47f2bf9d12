#include "cli/autostart.hpp"

#include "cli/agent_shell.hpp"
#include "cli/find_broker.hpp"
#include "cli/node_setup.hpp"
#include "cli/serve_note.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/printable.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/paths.hpp"
#include "os/posix_files.hpp"
#include "os/posix_processes.hpp"
#include "os/system_random.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

constexpr Duration kBrokerStartsWithin = std::chrono::seconds(60);
constexpr Duration kLookForBroker = std::chrono::milliseconds(20);
constexpr std::size_t kMostWords = 4096;

/// How the broker that is meant is started.
class ServeStart {
 public:
  os::Path directory;
  /// Behind `serve`.
  std::vector<std::string> words;
  /// It ran before.
  bool again = false;
};

bool holds_word(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// As it was started last; one that never ran here as `serve` does it. What cannot be repeated is
/// for the person, who is told how.
Result<ServeStart> start_of(const BrokerPlace& place) {
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  ServeStart out;
  out.directory = around->working_directory;
  if (place.dead) {
    const std::string& name = place.dead->name;
    os::SystemRandom random;
    os::PosixFiles files(random);
    const auto above = os::instance_candidates(around->working_directory);
    if (auto last = read_serve_note(files, *paths, name)) {
      // What would be read from the terminal: a secret.
      if (holds_word(last->arguments, "-")) return fail(no_broker(place));
      out.directory = std::move(last->directory);
      out.words = std::move(last->arguments);
      out.again = true;
    } else if (holds_word(above, name) && above.front() != name) {
      return fail(no_broker(place));
    }
    const bool by_itself = os::instance_name(out.directory) == name &&
                           !around->environment.get("RELAY_BROKER_INSTANCE");
    if (!by_itself && !holds_word(out.words, "--instance")) {
      out.words.insert(out.words.end(), {"--instance", name});
    }
  }
  if (!holds_word(out.words, "--background")) out.words.emplace_back("--background");
  return out;
}

/// What a program says on standard error, and its status.
Result<void> run_serve_in_background(const ServeStart& start) {
  std::vector<std::string> argv{"relay-broker", "serve"};
  argv.insert(argv.end(), start.words.begin(), start.words.end());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os::errno_error(errno, "cannot start"));
  const os::Fd reads(ends[0]);
  os::Fd writes(ends[1]);
  os::Command command(std::move(argv), os::Environment::of_process());
  command.program = "/proc/self/exe";
  command.working_directory = start.directory;
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
              "the broker of " + start.directory.string() +
                  " could not be started: " + status->text() + (said.empty() ? "" : "\n" + said),
              "relay-broker wrap --no-inject runs the program without messages");
}

}  // namespace

Result<broker::Instance> find_or_start_broker(const std::string& named, bool autostart) {
  const SystemClock clock;
  const Monotonic deadline = clock.now() + kBrokerStartsWithin;
  const bool told = os::is_terminal(STDERR_FILENO);
  std::optional<Result<void>> started;
  bool waits = false;
  for (;;) {
    auto place = locate_broker(named, Lone::ignored);
    if (!place) return fail(std::move(place).error());
    if (place->found) return *std::move(place->found);
    // Somebody else starts it, or it makes room for the next one.
    if (const auto pid = place->dead ? starting_or_ending(*place->dead) : std::nullopt) {
      if (clock.now() >= deadline) return fail(no_broker(*place));
      if (told && !std::exchange(waits, true)) {
        note(fmt::format("waiting for the broker (pid {}), which is starting or ending", *pid));
      }
      std::this_thread::sleep_for(kLookForBroker);
      continue;
    }
    if (started && !*started) return fail(started->error());
    if (started) {
      return fail(Code::broker_not_running, "the broker has ended at once",
                  "relay-broker serve shows why");
    }
    if (!autostart) {
      Error none = no_broker(*place);
      none.hint += "; wrap without --no-autostart does it, too";
      return fail(std::move(none));
    }
    // A name is easily mistyped, and a second broker of a directory is no use.
    if (place->dead && !was_ever_served(*place->dead)) return fail(no_broker(*place));
    auto start = start_of(*place);
    if (!start) return fail(std::move(start).error());
    if (told) {
      std::string words = start->again
                              ? "starting the broker of " + start->directory.string() + " again"
                              : "starting the broker of this directory";
      const std::string agent = agent_around();
      if (!agent.empty()) words += ", which ends with the agent " + printable(agent);
      note(words);
    }
    started.emplace(run_serve_in_background(*start));
  }
}

}  // namespace relay::cli
