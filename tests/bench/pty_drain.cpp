#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/pty_parts.hpp"
#include "pty/profile_file.hpp"
#include "support/session_world.hpp"

namespace relay::bench {
namespace {

using test::SessionWorld;

constexpr std::size_t kBytes = std::size_t{64} << 20;
constexpr Duration kLongest = std::chrono::minutes(3);

/// What a build tool prints: short lines, a few colours each.
std::string coloured_text() {
  std::string text;
  text.reserve(kBytes + 256);
  for (int i = 0; text.size() < kBytes; ++i) {
    text += fmt::format(
        "\x1B[32m[{:05}]\x1B[0m \x1B[1;34minfo\x1B[0m compiling \x1B[38;5;{}msrc/module_{}.cpp"
        "\x1B[0m with \x1B[38;2;10;200;30m-O2\x1B[m done\n",
        i % 100000, i % 256, i);
  }
  return text;
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Rates of one contender, by the clock and by what it took of our processor.
struct Rates {
  std::vector<double> by_clock;
  std::vector<double> by_cpu;

  void measure(const std::function<void()>& work) {
    const SystemClock clock;
    const Monotonic start = clock.now();
    const double cpu = cpu_seconds();
    work();
    const double took = std::chrono::duration<double>(clock.now() - start).count();
    by_clock.push_back(static_cast<double>(kBytes) / took / 1e6);
    by_cpu.push_back(static_cast<double>(kBytes) / (cpu_seconds() - cpu) / 1e6);
  }
};

class Drain {
 public:
  Drain() {
    const std::string text = coloured_text();
    file_ = (world_.keeper.temp.path() / "output.txt").string();
    std::ofstream(file_, std::ios::binary) << text;
    // The terminal adds a carriage return to each line.
    printed_ = text.size() + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  void bare_loop(Rates& rates) {
    rates.measure([this] {
      auto spawned = world_.keeper.spawn(order());
      const int master = spawned.master.get();
      ::fcntl(master, F_SETFL, ::fcntl(master, F_GETFL) & ~O_NONBLOCK);
      std::string buffer(std::size_t{64} << 10, '\0');
      for (std::size_t left = printed_; left > 0;) {
        const ssize_t got = ::read(master, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw std::runtime_error("the output ended early");
        left -= static_cast<std::size_t>(got);
      }
    });
  }

  void session(const pty::Profile& profile, Rates& rates) {
    rates.measure([&] {
      auto& agent = world_.start(order(), profile);
      const auto& output = agent.session->output();
      world_.until([&] { return output.end() == printed_; }, "all output is taken", kLongest);
    });
  }

  double peer() const { return peer_drain_seconds(file_); }

 private:
  pty::SpawnOrder order() {
    return {fmt::format("drain-{}", ++last_),
            "agent",
            {"cat", file_},
            os::Environment::of_process(),
            world_.keeper.temp.path()};
  }

  SessionWorld world_;
  std::string file_;
  std::size_t printed_ = 0;
  int last_ = 0;
};

pty::Profile profile_named(std::string_view name) {
  for (auto& profile : pty::builtin_profiles()) {
    if (profile.name == name) return profile;
  }
  throw std::runtime_error("no such profile");
}

}  // namespace

void drain(const Report& report, int rounds) {
  Drain bench;
  const pty::Profile plain = test::plain_profile();
  const pty::Profile box = profile_named("claude");
  Rates bare;
  Rates off;
  Rates live;
  for (int round = 0; round < rounds; ++round) {
    bench.bare_loop(bare);
    bench.session(plain, off);
    bench.session(box, live);
  }
  const double loop = median(bare.by_clock);
  report.row("64 MiB coloured text: a loop that only reads", loop, "MB/s");
  report.row("64 MiB coloured text: session, screen off", median(off.by_clock), "MB/s");
  report.at_least("  as a part of the loop", 100 * median(off.by_clock) / loop, "%", 80);
  report.row("  by our processor's time", median(off.by_cpu), "MB/s");
  report.at_least("64 MiB coloured text: session, live screen", median(live.by_clock), "MB/s", 30);
  report.row("  by our processor's time", median(live.by_cpu), "MB/s");
  if (peer_broker().empty()) return;
  // Once: a worker of the peer takes many seconds.
  report.row("64 MiB coloured text: peer's worker",
             static_cast<double>(kBytes) / bench.peer() / 1e6, "MB/s");
}

}  // namespace relay::bench
