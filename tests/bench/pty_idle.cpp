#include <asio/steady_timer.hpp>
#include <chrono>
#include <dirent.h>
#include <fmt/format.h>
#include <fstream>
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

}  // namespace

double memory_of(pid_t pid) {
  return number_in(fmt::format("/proc/{}/smaps_rollup", pid), "Pss:");
}

void idle(const Report& report, int agents, int seconds) {
  SessionWorld world;
  const double each = agents;
  const pty::Profile plain = test::plain_profile();
  const std::string token = world.keeper.token();
  // The first one brings what is needed once.
  std::vector<Agent*> all;
  std::vector<pid_t> pids;
  const auto start = [&](int number) {
    pty::SpawnOrder order(fmt::format("idle-{}", number), "agent", {token, "-u"},
                          os::Environment::of_process(), world.keeper.temp.path());
    order.program = "cat";
    all.push_back(&world.start(std::move(order), plain));
    pids.push_back(all.back()->process->pid());
  };
  const SystemClock clock;
  start(0);
  const pid_t keeper = world.keeper.client().keeper_pid();
  const Memory before(keeper);
  const double first = programs_memory(pids);
  const Monotonic began = clock.now();
  for (int i = 1; i <= agents; ++i) start(i);
  const double took = std::chrono::duration<double>(clock.now() - began).count();
  report.row(fmt::format("{} idle programs: started", agents), each / took, "/s");

  const Memory after(keeper);
  const double programs = programs_memory(pids) - first;
  const double ours = after.ours - before.ours;
  const double keepers = after.keepers - before.keepers;
  report.row("  the program itself", programs / each, "KiB each");
  report.row("  the keeper", keepers / each, "KiB each");
  report.at_most("  the session, before any output", ours / each, "KiB each", 20);
  report.at_most("  all processes together", (programs + keepers + ours) / each, "KiB each", 150);
  const WakeUps wakes = wake_ups(world, seconds);
  report.at_most(fmt::format("  wake-ups of the sessions in {} s", seconds), wakes.ours, "", 0);
  report.at_most(fmt::format("  wake-ups of the keeper in {} s", seconds), wakes.keepers, "", 0);

  for (Agent* agent : all) (void)agent->session->type("hello\r");
  const auto echoed = [&] {
    for (const Agent* agent : all) {
      if (agent->session->output().end() < 14) return false;
    }
    return true;
  };
  world.until(echoed, "all have answered");
  report.row("  the session, after a first line", (memory_of(::getpid()) - before.ours) / each,
             "KiB each");

  const Monotonic ending = clock.now();
  std::size_t ended = 0;
  net::TaskGroup tasks(world.keeper.io().get_executor());
  for (const Agent* agent : all)
    tasks.spawn(release(&world.keeper.client(), agent->generation, &ended));
  world.until([&] { return ended == all.size(); }, "all are gone", std::chrono::minutes(2));
  world.keeper.run(tasks.join());
  report.row("  all released in",
             std::chrono::duration<double, std::milli>(clock.now() - ending).count(), "ms");
  report.at_most("  processes left", static_cast<double>(test::alive_with(token).size()), "", 0);
  if (!peer_broker().empty()) peer_idle(report);
}

}  // namespace relay::bench
