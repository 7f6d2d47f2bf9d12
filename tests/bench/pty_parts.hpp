// The parts of `bench-pty`.
#pragma once

#include <string>
#include <sys/types.h>

#include "bench/report.hpp"

namespace relay::bench {

/// 64 MiB of coloured text through a real terminal: read by a loop that does nothing else, by a
/// session without a screen, by one with a live screen, and by the peer if it is installed.
void drain(const Report& report, int rounds);

/// `agents` idle programs: memory, wake-ups, and their end.
void idle(const Report& report, int agents, int seconds);

/// Messages to a program that reads at once.
void inject(const Report& report, const std::string& self);

/// The program of `inject`: reads `count` messages and writes down when each came.
int read_messages(const std::string& mode, std::size_t count, const std::string& log);

/// The peer's broker for this machine; empty when npm has not installed it.
[[nodiscard]] std::string peer_broker();

/// The peer's worker, one process for each program: the same three questions.
double peer_drain_seconds(const std::string& file);
void peer_idle(const Report& report);
void peer_inject(const Report& report);

/// KiB of a process, what it shares with others divided among them.
[[nodiscard]] double memory_of(pid_t pid);

}  // namespace relay::bench
