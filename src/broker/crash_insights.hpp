#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "broker/agent_view.hpp"

namespace relay::broker {

/// "oom", "segfault", "error", "signal" or "unknown": what the way in which a program ended hints
/// at. A shell's status for a signal (128 and more) counts as the signal.
[[nodiscard]] std::string_view crash_category(os::ExitStatus exit);

/// One sentence for people.
[[nodiscard]] std::string crash_description(os::ExitStatus exit);

/// Crashes as they are kept for the next broker, and back; what cannot be read is left out.
[[nodiscard]] std::string crashes_text(const std::vector<CrashView>& crashes);
[[nodiscard]] std::vector<CrashView> read_crashes(std::string_view text);

/// Crashes of one category, and the agents that had them, each once.
struct CrashPattern {
  std::string category;
  std::size_t count = 0;
  std::vector<std::string> agents;
};
/// In the order in which the categories first came up.
[[nodiscard]] std::vector<CrashPattern> crash_patterns(const std::vector<CrashView>& crashes);

/// 100 minus 10 for each crash of the last hour, at least 0.
[[nodiscard]] int health_score(const std::vector<CrashView>& crashes, Wall now);

}  // namespace relay::broker
