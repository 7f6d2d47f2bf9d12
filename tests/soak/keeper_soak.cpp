// Hostile agents again and again, and brokers, keepers and guardians killed at random moments.
// `soak-keeper [--runs N] [--cycles N] [--agents N] [--seed N]`: none may be left, and that after
// grace + 1 s (less what the machine itself came late by), none may be lost when a broker dies,
// none may be left when a keeper dies, nor after the next start when its guardian dies with it.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "support/keeper_world.hpp"
#include "support/seed.hpp"

namespace {

using namespace relay;
using namespace std::chrono_literals;
using test::KeeperWorld;
using test::kPatience;

constexpr Duration kGrace = 200ms;
constexpr Duration kAfterGrace = 1s;

struct Options {
  int runs = 1000;
  int cycles = 200;
  int agents = 100;
  unsigned seed = test::seed();
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const auto value = static_cast<int>(std::strtoul(argv[i + 1], nullptr, 10));
    if (name == "--runs") options.runs = value;
    if (name == "--cycles") options.cycles = value;
    if (name == "--agents") options.agents = value;
    if (name == "--seed") options.seed = static_cast<unsigned>(value);
  }
  return options;
}

const std::vector<std::string> kWays{"ignore", "setsid",   "nohup",  "double",
                                     "clean",  "lost",     "chain",  "session-chain",
                                     "refill", "headless", "stopped"};

std::vector<std::string> some_ways(std::mt19937& random) {
  auto ways = kWays;
  std::shuffle(ways.begin(), ways.end(), random);
  ways.resize(1 + random() % 4);
  return ways;
}

void expect(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

double milliseconds(Duration length) {
  return std::chrono::duration<double, std::milli>(length).count();
}

/// What this machine comes late by, as a control: a thread that sleeps and sleeps and adds up how
/// much longer it took. Under load or in a stalled guest nobody can be in time.
class Lateness {
 public:
  Lateness() : began_(clock_.now()), sleeper_([this] { sleep(); }) {}
  ~Lateness() { stop(); }
  Lateness(const Lateness&) = delete;
  Lateness& operator=(const Lateness&) = delete;

  /// The time since the beginning, and how much of it was lost.
  struct Times {
    Duration whole;
    Duration lost;
  };
  Times stop() {
    const Duration whole = clock_.now() - began_;
    ended_ = true;
    if (sleeper_.joinable()) sleeper_.join();
    return {whole, std::min(whole, lost_)};
  }

 private:
  void sleep() {
    constexpr Duration kNap = 2ms;
    while (!ended_) {
      const auto before = clock_.now();
      std::this_thread::sleep_for(kNap);
      lost_ += std::max(Duration::zero(), clock_.now() - before - kNap);
    }
  }

  SystemClock clock_;
  Monotonic began_;
  Duration lost_{};
  std::atomic<bool> ended_{false};
  std::thread sleeper_;
};

/// Judges how long it took until nothing was left, less what the machine lost. One run says
/// little on a machine that others use, so of the few in the test suite the median counts; of a
/// hundred and more every one does.
class Judgement {
 public:
  void note(Duration took, Duration lost, const std::string& what) {
    own_.push_back(took - lost);
    if (own_.back() < kGrace + kAfterGrace) return;
    fmt::print("late: {} took {:.0f} ms, {:.0f} of them lost by the machine\n", what,
               milliseconds(took), milliseconds(lost));
  }
  void close() {
    if (own_.empty()) return;
    std::sort(own_.begin(), own_.end());
    expect(own_[own_.size() / 2] < kGrace + kAfterGrace, "half of them are late");
    if (own_.size() < 100) return;
    expect(own_.back() < kGrace + kAfterGrace, "a run is late");
  }

 private:
  std::vector<Duration> own_;
};

void print(const char* what, std::vector<double> figures) {
  if (figures.empty()) return;
  std::sort(figures.begin(), figures.end());
  fmt::print("{:<44} p50 {:7.2f} ms   p99 {:7.2f} ms   most {:7.2f} ms\n", what,
             figures[figures.size() / 2], figures[figures.size() * 99 / 100], figures.back());
}

/// Kibibytes of a field of a file in /proc.
std::string memory(pid_t pid, const char* file, std::string_view field) {
  std::ifstream in(fmt::format("/proc/{}/{}", pid, file));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field)) return line.substr(field.size());
  }
  return "?";
}

void hostile_runs(const Options& options, std::mt19937& random) {
  KeeperWorld world;
  world.open();
  const SystemClock clock;
  std::vector<double> spawns;
  std::vector<double> kills;
  std::vector<double> losses;
  Judgement late;
  for (int run = 0; run < options.runs; ++run) {
    const auto generation = fmt::format("h{}", run);
    const auto ways = some_ways(random);
    std::string shown;
    for (const auto& way : ways) shown += way + " ";
    const auto before = clock.now();
    const auto session = world.spawn(world.hostile(generation, ways));
    spawns.push_back(milliseconds(clock.now() - before));
    KeeperWorld::read_until(session.master.get(), "up");
    Lateness lateness;
    auto work = world.client().kill_tree(generation, kGrace, kPatience);
    expect(world.run(std::move(work)).has_value(), "kill_tree failed: " + shown);
    const auto [took, lost] = lateness.stop();
    kills.push_back(milliseconds(took));
    losses.push_back(milliseconds(lost));
    late.note(took, lost, fmt::format("run {} ({})", run, shown));
    expect(test::alive_with(world.token_of(generation)).empty(),
           fmt::format("run {}: left behind by {}", run, shown));
    world.client().forget(generation);
  }
  fmt::print("{} hostile runs: none left\n", options.runs);
  print("spawn, as the broker sees it", spawns);
  print("until nothing was left (grace 200 ms)", kills);
  print("of which the machine came late", losses);
  late.close();
  const pid_t keeper = world.client().keeper_pid();
  fmt::print("keeper: RSS{}, PSS{}\n", memory(keeper, "status", "VmRSS:"),
             memory(keeper, "smaps_rollup", "Pss:"));
}

/// A broker in a process of its own: starts agents that are missing, says so, and waits to be
/// killed.
[[noreturn]] void be_broker(KeeperWorld& world, int agents, int ready) {
  world.open();
  auto held = world.client().take_held();
  std::vector<pty::SpawnedSession> started;
  for (int i = static_cast<int>(held.size()); i < agents; ++i) {
    const auto generation = fmt::format("b{}-{}", ::getpid(), i);
    started.push_back(
        world.spawn(world.shell(generation, "trap '' HUP; while read x; do :; done")));
    if (::write(ready, "+", 1) != 1) ::_exit(1);
  }
  for (;;) ::pause();
}

/// Guardian and keeper, whoever is still there.
void random_kills(const Options& options, std::mt19937& random) {
  int brokers = 0;
  int keepers = 0;
  int guardians = 0;
  std::vector<double> sweeps;
  Judgement late;
  for (int cycle = 0; cycle < options.cycles; ++cycle) {
    KeeperWorld world;
    int ready[2];
    expect(::pipe(ready) == 0, "no pipe");
    const pid_t broker = ::fork();
    if (broker == 0) be_broker(world, options.agents, ready[1]);
    ::close(ready[1]);
    // Killed after so many agents that it has; the next one is just being started.
    const int until = 1 + static_cast<int>(random() % static_cast<unsigned>(options.agents));
    int up = 0;
    char one = 0;
    while (up < until && ::read(ready[0], &one, 1) == 1) ++up;
    ::kill(broker, SIGKILL);
    while (::read(ready[0], &one, 1) == 1) ++up;
    ::waitpid(broker, nullptr, 0);
    ::close(ready[0]);
    ++brokers;

    world.open();
    const auto held = world.client().take_held();
    expect(static_cast<int>(held.size()) >= up,
           fmt::format("cycle {}: {} of {} agents are held", cycle, held.size(), up));
    for (const auto& session : held) {
      expect(session.facts.ended.empty() && ::kill(session.facts.pid, 0) == 0,
             "an agent died with its broker");
    }
    const bool guardian_too = cycle % 2 == 1;
    const auto spare = static_cast<std::size_t>(random() % 4);
    for (std::size_t i = 0; i < spare; ++i) {
      auto ways = some_ways(random);
      // Without any mark only a guardian, whose descendant it is, or a control group finds it.
      if (guardian_too) std::erase(ways, "lost");
      (void)world.spawn(world.hostile(fmt::format("extra{}", i), ways));
    }
    Lateness lateness;
    if (guardian_too) {
      world.kill_both();
      ++guardians;
    } else {
      ::kill(world.client().keeper_pid(), SIGKILL);
    }
    ++keepers;
    expect(world.wait_lost().code == Code::connection_closed, "the loss was not told");
    if (guardian_too) {
      world.open();
      expect(!world.is_warned(), fmt::format("cycle {}: the next keeper warns", cycle));
    }
    const auto left = test::wait_none(world.token(), guardian_too ? 0s : kPatience);
    const auto [took, lost] = lateness.stop();
    sweeps.push_back(milliseconds(took));
    expect(left.empty(), fmt::format("cycle {}: {} left when the keeper died", cycle, left.size()));
    late.note(took, lost, fmt::format("cycle {}", cycle));
    if (guardian_too) continue;
    expect(test::wait_none(world.place().directory.string()).empty(), "the guardian stays");
  }
  fmt::print(
      "{} brokers killed, no agent of {} lost; {} keepers, {} with guardian, killed, none left\n",
      brokers, options.agents, keepers, guardians);
  print("until none was left", sweeps);
  late.close();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  std::mt19937 random(options.seed);
  try {
    hostile_runs(options, random);
    random_kills(options, random);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "soak keeper failed (--seed {}): {}\n", options.seed, failure.what());
    return 1;
  }
  return 0;
}
