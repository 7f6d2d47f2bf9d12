// What a user checks first: how fast it starts, answers and completes, and that it runs in poor
// places. Times are figures of the table; a test fails by none of them.
#include <algorithm>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <linux/magic.h>
#include <string>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "fault/fault_world.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/keeper_world.hpp"
#include "support/skipped.hpp"

namespace relay::test {
namespace {

/// The middle one of several tries, in milliseconds.
template <class Work>
double median_of(int tries, Work work) {
  std::vector<Duration> took;
  for (int i = 0; i < tries; ++i) {
    const auto from = SystemClock().now();
    work();
    took.push_back(SystemClock().now() - from);
  }
  return median(took);
}

int tries() {
  return long_form("RELAY_BROKER_TRIES", 3);
}

/// A broker without an engine: an agent's whole life on it.
struct PoorWorld : FaultWorld {
  PoorWorld() {
    environment.unset("RELAY_BROKER_WORKSPACE_KEY");
    environment.unset("RELAY_BROKER_ENGINE");
  }
  void check_works() {
    serve({"--relay", "off"});
    spawn("ada", "paste");
    const RunResult sent = run({"send", "ada", "#1#"});
    CAPTURE(sent.err);
    CHECK(sent.status.as_shell() == 0);
    wait_until([&] { return inputs_with("ada", "#1#").size() == 1; }, "it is read");
    CHECK(run({"release", "ada"}).status.as_shell() == 0);
    CHECK(run({"stop"}).status.as_shell() == 0);
    CHECK(broker->wait_end() == os::ExitStatus::exited(0));
  }
};

}  // namespace

TEST_CASE_FIXTURE(FaultWorld, "C9-2: from the start to ready") {
  const double bare = median_of(tries(), [&] {
    const std::filesystem::path socket = temp / "bare.sock";
    std::filesystem::remove(socket);
    const auto environment_of_test = os::Environment::of_process();
    RunningProgram daemon(
        os::Command({environment_of_test.get("FAULT_PROGRAM").value(), "listens", socket.string()},
                    environment));
    daemon.wait_for("up");
  });
  const auto time_of = [&](const std::vector<std::string>& more) {
    std::vector<Duration> took;
    for (int i = 0; i < tries(); ++i) {
      const auto from = SystemClock().now();
      serve(more);
      took.push_back(SystemClock().now() - from);
      CHECK(end(SIGTERM) == os::ExitStatus::exited(0));
    }
    return median(took);
  };
  const double alone = time_of({"--relay", "off"});
  const double with_engine = time_of({});
  figure("C9-2",
         fmt::format("exec to ready: {:.1f} ms without an engine (less than 20), {:.1f} ms with "
                     "one; a program that only listens {:.1f} ms",
                     alone, with_engine, bare),
         alone, 20);
}

TEST_CASE_FIXTURE(FaultWorld, "C9-3: commands that only look") {
  serve();
  spawn("ada", "paste");
  engine->call([](FakeEngine& e) {
    const char* nothing =
        R"({"ok":true,"data":{"unread_channels":[],"mentions":[],"unread_dms":[]}})";
    e.answer("GET /v1/inbox", HttpScript::status(200, "application/json", nothing), kAlways);
    return 0;
  });
  const double least = median_of(tries(), [&] { (void)run({"--version"}); });
  std::vector<std::pair<double, std::string>> all;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"status", "--json"},
                                             {"snapshot", "ada"},
                                             {"dead-letters", "list"},
                                             {"token", "list"},
                                             {"inbox", "--agent", "ada"},
                                             {"doctor"},
                                             {"serve", "--print-connection"}}) {
    CAPTURE(words.front());
    const double took = median_of(tries(), [&] { CHECK(run(words).status.as_shell() == 0); });
    all.emplace_back(took, words.front());
  }
  std::sort(all.rbegin(), all.rend());
  figure(
      "C9-3",
      fmt::format("of {} the slowest are {} ({:.1f} ms), {} ({:.1f} ms) and {} ({:.1f} ms) (each "
                  "less than 10); --version, which asks nobody, {:.1f} ms",
                  all.size(), all[0].second, all[0].first, all[1].second, all[1].first,
                  all[2].second, all[2].first, least),
      all[0].first, 10);
}

TEST_CASE_FIXTURE(FaultWorld,
                  "C9-9: names are completed at once, and without a broker not at all") {
  const std::vector<std::string> typed{"__complete", "--", "send", "a"};
  const RunResult silent = run(typed);
  CHECK(silent.status.as_shell() == 0);
  CHECK(silent.out.empty());
  CHECK(silent.err.empty());
  const double down = median_of(tries(), [&] { (void)run(typed); });
  serve();
  spawn("ada", "paste");
  wait_until([&] { return run(typed).out == "ada\t\n"; }, "it is offered");
  const double up = median_of(tries(), [&] { (void)run(typed); });
  figure("C9-9",
         fmt::format("a name in {:.1f} ms (less than 200); without a broker nothing is printed, in "
                     "{:.1f} ms",
                     up, down),
         up, 200);
}

TEST_CASE_FIXTURE(PoorWorld, "C9-12: without HOME, and with nothing else that says where") {
  // Then the list of users tells, which is not for a test to write into: others say where.
  environment.unset("HOME");
  environment.unset("USER");
  environment.unset("LOGNAME");
  environment.unset("TERM");
  check_works();
  figure("C9-12", "no HOME: an agent's whole life");
}

TEST_CASE_FIXTURE(PoorWorld, "C9-12: a HOME that cannot be written") {
  // Nobody, root neither, makes a directory there, unless it is an empty one of a bare root.
  struct statfs system{};
  if (::statfs("/sys", &system) != 0 || system.f_type != SYSFS_MAGIC) {
    return skip_row("C9-12", "HOME read-only: there is no /sys here");
  }
  environment.set("HOME", "/sys");
  check_works();
  for (const char* name :
       {"XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}) {
    environment.unset(name);
  }
  const RunResult refused = run({"serve", "--relay", "off"});
  CHECK_FALSE(refused.status.success());
  CHECK(refused.err.find("error: cannot make ") == 0);
  CHECK(refused.err.find("\nhint: set HOME, or XDG_STATE_HOME") != std::string::npos);
  figure("C9-12",
         "HOME read-only: an agent's whole life where XDG_* can be written; without them "
         "an error with a hint");
}

TEST_CASE_FIXTURE(PoorWorld, "C9-12: as process 1 of a container, without a terminal") {
  const auto in_container = [](std::vector<std::string> words, const os::Environment& with) {
    words.insert(words.begin(),
                 {"/usr/bin/env", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"});
    return os::Command(std::move(words), with);
  };
  if (!run_program(in_container({"true"}, environment)).status.success()) {
    return skip_row("C9-12", "as process 1: no process may have a table of its own here");
  }
  // The agent leaves a grandchild without a parent, which process 1 gets, and has to bury.
  const std::string script = fmt::format(
      "set -e; b={}; \"$b\" spawn --name ada sh -- -c 'stty -echo; (sleep 0.01 &); "
      "while read -r l; do echo \"got $l\"; done'; "
      "\"$b\" send ada hello; until \"$b\" snapshot ada | tr -d '\\n' | grep -q "
      "'got.*hello'; do :; done; "
      "\"$b\" release ada; while grep -lqs '^State:.Z' /proc/[0-9]*/status; do :; done; "
      "echo pid=$(\"$b\" status | sed -n 's/.*pid \\([0-9]*\\).*/\\1/p')",
      relay_broker().string());
  os::Command serves =
      in_container({relay_broker().string(), "serve", "--relay", "off"}, environment);
  serves.working_directory = directory;
  broker = std::make_unique<RunningProgram>(std::move(serves));
  broker->wait_for("ready");
  // Commands of the same container: that of the broker, the child of `unshare`.
  pid_t inside = 0;
  wait_until(
      [&] {
        std::ifstream(fmt::format("/proc/{0}/task/{0}/children", broker->pid())) >> inside;
        return inside > 0;
      },
      "it is there");
  os::Command looks({"/usr/bin/env", "nsenter", "--target", std::to_string(inside), "--pid",
                     "--mount", "--wd=" + directory.string(), "sh", "-c", script},
                    environment);
  const RunResult result = run_program(std::move(looks));
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.status.as_shell() == 0);
  CHECK(result.out.find("pid=1\n") != std::string::npos);
  // `stop` would end with the container.
  ::kill(inside, SIGTERM);
  CHECK(broker->wait_end() == os::ExitStatus::exited(0));
  figure("C9-12", "as process 1 without a terminal: an agent's whole life, nobody left unburied");
}

}  // namespace relay::test
