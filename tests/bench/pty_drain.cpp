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
#include "pty/injection/profile_file.hpp"
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

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

Drained measured(const std::function<void()>& work) {
  const SystemClock clock;
  const Monotonic start = clock.now();
  const double processor = processor_seconds();
  work();
  return {std::chrono::duration<double>(clock.now() - start).count(),
          processor_seconds() - processor};
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

  Drained bare_loop() {
    return measured([this] {
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

  Drained session(const pty::Profile& profile) {
    return measured([&] {
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

/// One way to hold a program, beside others who do the same.
class Contest {
 public:
  Contest(const std::string& what, const std::string& again)
      : rate(what, more("MB/s")), processor(again, less("ms")) {}

  void add(std::string_view who, const Drained& drained) {
    rate.add(who, static_cast<double>(kBytes) / drained.seconds / 1e6);
    processor.add(who, 1e3 * drained.processor_seconds);
  }
  void skip(std::string_view who, std::string_view why) {
    rate.skip(who, why);
    processor.skip(who, why);
  }

  Question rate;
  Question processor;
};

}  // namespace

void drain(const Report& report, int rounds) {
  Drain bench;
  const pty::Profile plain = test::plain_profile();
  const pty::Profile box = profile_named("claude");
  const std::string loop = "a loop that only reads";
  Contest off("64 MiB of coloured text from a program, nobody attached, no screen",
              "processor time of who takes it");
  Contest live("the same text into a live screen", "processor time of who draws it");
  off.rate.limit_beside(loop, 0.8);
  live.rate.limit(30);
  std::vector<std::function<void()>> contenders{[&] { off.add(kOurs, bench.session(plain)); },
                                                [&] { off.add(loop, bench.bare_loop()); },
                                                [&] { live.add(kOurs, bench.session(box)); }};
  // dtach keeps no screen, tmux does, and so do the workers of the published broker.
  for (const auto& [contest, holder] : {std::pair(&off, kDtach), std::pair(&live, kTmux)}) {
    if (program_in_path(holder).empty()) {
      contest->skip(holder, kNoTool);
      continue;
    }
    contenders.emplace_back([&bench, contest = contest, holder = holder] {
      contest->add(holder, holder_drain(holder, bench.file()));
    });
  }
  in_turns(rounds, contenders);
  for (const PeerBroker& peer : {peer_9(), peer_12()}) {
    if (peer.binary.empty()) {
      live.rate.skip(peer.name, kNoPeer);
    } else {
      // Once: a worker takes many seconds.
      const double seconds = peer_drain_seconds(peer, bench.file());
      live.rate.add(peer.name, static_cast<double>(kBytes) / seconds / 1e6);
    }
  }
  for (const Contest* each : {&off, &live}) {
    report.print(each->rate);
    report.print(each->processor);
  }
}

}  // namespace relay::bench
