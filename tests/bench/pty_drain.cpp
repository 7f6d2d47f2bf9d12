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

  [[nodiscard]] const std::string& file() const { return file_; }

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
  const std::string loop = "a loop that only reads";
  Question off("64 MiB of coloured text from a program, nobody attached, no screen", more("MB/s"));
  Question live("the same into a live screen", more("MB/s"));
  off.limit_beside(loop, 0.8);
  live.limit(30);
  const auto rate = [](double seconds) { return static_cast<double>(kBytes) / seconds / 1e6; };
  std::vector<std::function<void()>> contenders{[&] { off.add(kOurs, rate(bench.session(plain))); },
                                                [&] { off.add(loop, rate(bench.bare_loop())); },
                                                [&] { live.add(kOurs, rate(bench.session(box))); }};
  // dtach keeps no screen, tmux does, and so do the workers of the published broker.
  for (auto [question, holder] : {std::pair(&off, kDtach), std::pair(&live, kTmux)}) {
    if (program_in_path(holder).empty()) {
      question->skip(holder, kNoTool);
      continue;
    }
    contenders.emplace_back([&bench, &rate, question = question, holder = holder] {
      question->add(holder, rate(holder_drain_seconds(holder, bench.file())));
    });
  }
  in_turns(rounds, contenders);
  for (const PeerBroker& peer : {peer_9(), peer_12()}) {
    if (peer.binary.empty()) {
      live.skip(peer.name, kNoPeer);
    } else {
      // Once: a worker takes many seconds.
      live.add(peer.name, rate(peer_drain_seconds(peer, bench.file())));
    }
  }
  report.print(off);
  report.print(live);
}

}  // namespace relay::bench
