#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <dirent.h>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/pty_parts.hpp"
#include "pty/keeper/process_table.hpp"
#include "support/session_world.hpp"

namespace relay::bench {
namespace {

using test::Agent;
using test::SessionWorld;

/// What the others are measured with; workers of the published broker take megabytes each.
constexpr int kLeastBeside = 100;
constexpr int kMostWorkers = 10;

/// The number behind `name` in a file of /proc; 0 when there is none.
double number_in(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    return std::strtod(line.c_str() + name.size(), nullptr);
  }
  return 0;
}

double wakes_of(const std::string& process) {
  return number_in("/proc/" + process + "/status", "voluntary_ctxt_switches:");
}

struct Memory {
  explicit Memory(pid_t keeper) : ours(memory_of(::getpid())), keepers(memory_of(keeper)) {}
  double ours;
  double keepers;
};

double programs_memory(const std::vector<pid_t>& pids) {
  double all = 0;
  for (const pid_t pid : pids) all += memory_of(pid);
  return all;
}

struct WakeUps {
  double ours = 0;
  double keepers = 0;
};

/// How often we and the keeper wake while nothing happens.
WakeUps wake_ups(SessionWorld& world, int seconds) {
  const std::string loop = fmt::format("self/task/{}", ::syscall(SYS_gettid));
  const std::string keeper = std::to_string(world.keeper.client().keeper_pid());
  WakeUps found;
  std::thread watcher([&] {
    // The loop has gone to sleep by then.
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const double before = wakes_of(loop);
    const double keeper_before = wakes_of(keeper);
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    found.ours = wakes_of(loop) - before;
    found.keepers = wakes_of(keeper) - keeper_before;
  });
  // Not the tests' way to run a loop: that one looks at the time each second.
  asio::io_context& io = world.keeper.io();
  io.restart();
  asio::steady_timer over(io, std::chrono::seconds(seconds + 2));
  over.async_wait([&io](std::error_code) { io.stop(); });
  io.run();
  watcher.join();
  return found;
}

asio::awaitable<void> release(pty::KeeperClient* client, std::string generation,
                              std::size_t* ended) {
  (void)co_await client->kill_tree(std::move(generation), Duration::zero(), test::kPatience);
  ++*ended;
}

/// What holds programs in terminals beside us, in KiB for each, the programs not counted.
void others_memory(Question& question, int count) {
  for (const auto holder : {kDtach, kTmux}) {
    if (program_in_path(holder).empty()) {
      question.skip(holder, kNoTool);
    } else {
      question.add(holder, holder_idle_memory(holder, count));
    }
  }
  for (const PeerBroker& peer : {peer_9(), peer_12()}) {
    if (peer.binary.empty()) {
      question.skip(peer.name, kNoPeer);
    } else {
      question.add(peer.name, peer_idle_memory(peer, std::min(count, kMostWorkers)));
    }
  }
}

class Idle {
 public:
  Idle(const Report& report, SessionWorld& world) : report_(report), world_(world) {
    start();
    // The first one brings what is needed once.
    keeper_ = world_.keeper.client().keeper_pid();
    before_.emplace(keeper_);
    programs_before_ = programs_memory(pids_);
  }

  /// Starts programs until there are so many, and reports what each takes.
  void grow_to(int size) {
    const SystemClock clock;
    const Monotonic began = clock.now();
    const int fresh = size - there();
    while (there() < size) start();
    const double took = std::chrono::duration<double>(clock.now() - began).count();
    const std::string of =
        size == 1 ? std::string("1 idle program") : fmt::format("{} idle programs", in_short(size));
    report_.row(fmt::format("{}: the last {} were started at", of, in_short(fresh)), fresh / took,
                more("/s"));
    const Memory now(keeper_);
    const double ours = (now.ours - before_->ours) / size;
    const double keepers = (now.keepers - before_->keepers) / size;
    const double programs = (programs_memory(pids_) - programs_before_) / size;
    // Memory is counted by pages: of fewer there is little to tell.
    if (size < kLeastBeside) return;
    report_.row(of + ": the session of each, before any output", ours, less("KiB"), 20);
    report_.row(of + ": each with its program and the keeper", ours + keepers + programs,
                less("KiB"), 150);
    Question beside(of + ": what holds each, without the program", less("KiB"));
    beside.add(kOurs, ours + keepers);
    if (size == kLeastBeside) others_memory(beside, size);
    report_.print(beside);
  }
  void all_answer() {
    for (Agent* agent : all_) (void)agent->session->type("hello\r");
    const auto echoed = [&] {
      for (const Agent* agent : all_) {
        if (agent->session->output().end() < 14) return false;
      }
      return true;
    };
    world_.until(echoed, "all have answered");
    report_.row("the session of each, after a first line",
                (memory_of(::getpid()) - before_->ours) / there(), less("KiB"));
  }
  void wake(int seconds) {
    const WakeUps wakes = wake_ups(world_, seconds);
    report_.row(fmt::format("wake-ups of all sessions in {} s", seconds), wakes.ours, less(""), 0);
    report_.row(fmt::format("wake-ups of the keeper in {} s", seconds), wakes.keepers, less(""), 0);
  }
  void release_all() {
    const SystemClock clock;
    const Monotonic ending = clock.now();
    std::size_t ended = 0;
    net::TaskGroup tasks(world_.keeper.io().get_executor());
    for (const Agent* agent : all_)
      tasks.spawn(release(&world_.keeper.client(), agent->generation, &ended));
    world_.until([&] { return ended == all_.size(); }, "all are gone", std::chrono::minutes(2));
    world_.keeper.run(tasks.join());
    report_.row("all released in",
                std::chrono::duration<double, std::milli>(clock.now() - ending).count(),
                less("ms"));
    report_.row("processes left of them",
                static_cast<double>(test::alive_with(world_.keeper.token()).size()), less(""), 0);
  }

 private:
  /// Without the first.
  [[nodiscard]] int there() const { return static_cast<int>(all_.size()) - 1; }
  void start() {
    pty::SpawnOrder order(fmt::format("idle-{}", all_.size()), "agent",
                          {world_.keeper.token(), "-u"}, os::Environment::of_process(),
                          world_.keeper.temp.path());
    order.program = "cat";
    all_.push_back(&world_.start(std::move(order), plain_));
    pids_.push_back(all_.back()->process->pid());
  }

  const Report& report_;
  SessionWorld& world_;
  pty::Profile plain_ = test::plain_profile();
  std::vector<Agent*> all_;
  std::vector<pid_t> pids_;
  pid_t keeper_ = 0;
  std::optional<Memory> before_;
  double programs_before_ = 0;
};

}  // namespace

double memory_of(pid_t pid) {
  return number_in(fmt::format("/proc/{}/smaps_rollup", pid), "Pss:");
}

void idle(const Report& report, int agents, int seconds) {
  SessionWorld world;
  Idle crowd(report, world);
  for (int size = 1; size <= agents; size *= 10) crowd.grow_to(size);
  crowd.wake(seconds);
  crowd.all_answer();
  crowd.release_all();
}

}  // namespace relay::bench
