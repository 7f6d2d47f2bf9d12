#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <stdexcept>
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

double seconds_of(const std::function<void()>& work) {
  const SystemClock clock;
  const Monotonic start = clock.now();
  work();
  return std::chrono::duration<double>(clock.now() - start).count();
}

class Drain {
 public:
  Drain() {
    const std::string text = coloured_text();
    file_ = (world_.keeper.temp.path() / "output.txt").string();
    std::ofstream(file_, std::ios::binary) << text;
    // The terminal adds a carriage return to each line.
    printed_ = text.size() + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  double bare_loop() {
    return seconds_of([this] {
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

  double session(const pty::Profile& profile) {
    return seconds_of([&] {
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

void drain(const PtyReport& report, int rounds) {
  Drain bench;
  const pty::Profile plain = test::plain_profile();
  const pty::Profile box = profile_named("claude");
  std::vector<double> bare;
  std::vector<double> off;
  std::vector<double> live;
  std::vector<double> peer;
  const auto rate = [](double seconds) { return static_cast<double>(kBytes) / seconds / 1e6; };
  for (int round = 0; round < rounds; ++round) {
    bare.push_back(rate(bench.bare_loop()));
    off.push_back(rate(bench.session(plain)));
    live.push_back(rate(bench.session(box)));
  }
  // A worker of the peer takes many seconds.
  if (!peer_broker().empty()) peer.push_back(rate(bench.peer()));
  report.row("64 MiB coloured text: a loop that only reads", median(bare), "MB/s");
  report.row("64 MiB coloured text: session, screen off", median(off), "MB/s");
  report.at_least("  as a part of the loop", 100 * median(off) / median(bare), "%", 80);
  report.at_least("64 MiB coloured text: session, live screen", median(live), "MB/s", 30);
  if (!peer.empty()) report.row("64 MiB coloured text: peer's worker", median(peer), "MB/s");
}

}  // namespace relay::bench
