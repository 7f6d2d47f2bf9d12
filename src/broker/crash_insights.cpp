#include "broker/crash_insights.hpp"

#include <algorithm>
#include <csignal>

namespace relay::broker {

std::string_view crash_category(os::ExitStatus exit) {
  const int status = exit.as_shell();
  if (status == 128 + SIGKILL) return "oom";
  if (status == 128 + SIGSEGV) return "segfault";
  if (exit.signal()) return "signal";
  return status == 0 ? "unknown" : "error";
}

std::string crash_description(os::ExitStatus exit) {
  const auto category = crash_category(exit);
  if (category == "oom") return exit.text() + ": killed, perhaps for want of memory";
  if (category == "segfault") return exit.text() + ": a fault of the program itself";
  return exit.text();
}

std::vector<CrashPattern> crash_patterns(const std::vector<CrashView>& crashes) {
  std::vector<CrashPattern> patterns;
  for (const auto& crash : crashes) {
    const auto category = crash_category(crash.exit);
    auto found = std::find_if(patterns.begin(), patterns.end(),
                              [&](const auto& each) { return each.category == category; });
    if (found == patterns.end()) {
      found = patterns.insert(found, CrashPattern{std::string(category), 0, {}});
    }
    ++found->count;
    auto& agents = found->agents;
    if (std::find(agents.begin(), agents.end(), crash.agent) == agents.end()) {
      agents.push_back(crash.agent);
    }
  }
  return patterns;
}

int health_score(const std::vector<CrashView>& crashes, Wall now) {
  const auto recent = std::count_if(crashes.begin(), crashes.end(), [&](const auto& crash) {
    return crash.at > now - std::chrono::hours(1);
  });
  return std::max(0, 100 - 10 * static_cast<int>(std::min<std::ptrdiff_t>(recent, 10)));
}

}  // namespace relay::broker
