// The parts of `bench-pty`.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

#include "bench/peers.hpp"
#include "bench/report.hpp"

namespace relay::bench {

/// 64 MiB of coloured text through a real terminal: read by a loop that does nothing else, by a
/// session without a screen, by one with a live screen, and by the others that are installed.
void drain(const Report& report, int rounds);

/// 1, 10, 100 … up to `agents` idle programs: memory beside that of the others, wake-ups, and their
/// end.
void idle(const Report& report, int agents, int seconds);

/// Messages to a program that reads at once.
void inject(const Report& report, const std::string& self, int rounds);

/// The program of `inject`: reads `count` messages and writes down when each came.
int read_messages(const std::string& mode, std::size_t count, const std::string& log);

/// A worker of the published broker, one process for each program: the same three questions.
double peer_drain_seconds(const PeerBroker& peer, const std::string& file);
/// KiB of each of `count` idle workers without their programs.
double peer_idle_memory(const PeerBroker& peer, int count);
/// Messages a second, until each is verified.
double peer_inject_rate(const PeerBroker& peer, int messages);

/// Programs in terminals under dtach, a process for each, and under one server of tmux.
inline constexpr std::string_view kDtach = "dtach";
inline constexpr std::string_view kTmux = "tmux";
/// What it took to take all that a program printed: by the clock, and of a processor.
struct Drained {
  double seconds;
  double processor_seconds;
};
/// Of `cat FILE`; nobody is attached.
Drained holder_drain(std::string_view holder, const std::string& file);
/// KiB of the holder for each of `count` idle programs, without those.
double holder_idle_memory(std::string_view holder, int count);

/// KiB of a process, what it shares with others divided among them.
[[nodiscard]] double memory_of(pid_t pid);

}  // namespace relay::bench
