// The program that `bench-broker` starts as an agent, and what it wrote down.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace relay::bench {

/// CLOCK_MONOTONIC, which all processes share.
[[nodiscard]] std::int64_t now_ns();

/// "#00000007#", by which a message is known in whatever a broker makes of it.
[[nodiscard]] std::string mark_of(std::size_t number);

/// Reads lines from its terminal for ever; for each mark one line in `log`: when, and its number.
/// The first line says when it began.
int read_marks(const std::string& log);

struct MarkRead {
  std::int64_t at = 0;
  std::size_t number = 0;
};

/// What such a program has written down until now.
[[nodiscard]] std::vector<MarkRead> marks_in(const std::string& log);

/// When it began; 0 when it has not.
[[nodiscard]] std::int64_t began_at(const std::string& log);

}  // namespace relay::bench
