#include "broker/crash_insights.hpp"

#include <algorithm>
#include <csignal>

#include "base/json_writer.hpp"
#include "broker/event_log.hpp"
#include "wire/json.hpp"

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

std::string crashes_text(const std::vector<CrashView>& crashes) {
  std::string text;
  JsonWriter out(text);
  out.begin_array();
  for (const CrashView& crash : crashes) {
    out.begin_object();
    out.field("agent", crash.agent);
    if (const auto status = crash.exit.status()) out.field("status", std::int32_t{*status});
    if (const auto signal = crash.exit.signal()) out.field("signal", std::int32_t{*signal});
    out.field("at_ms", unix_ms(crash.at));
    out.field(
        "uptime_ms",
        std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(crash.uptime).count()});
    out.end_object();
  }
  out.end_array();
  out.finish();
  return text;
}

std::vector<CrashView> read_crashes(std::string_view text) {
  std::vector<CrashView> out;
  const auto document = wire::JsonDocument::parse(text, wire::kInboundLimits);
  if (!document) return out;
  for (const auto& one : document->root().elements()) {
    const auto number = [&one](std::string_view key) {
      const auto found = one.find(key);
      return found ? found->signed_integer() : std::nullopt;
    };
    const auto agent = one.find("agent");
    const auto name = agent ? agent->string() : std::nullopt;
    const auto status = number("status");
    const auto signal = number("signal");
    if (!name || (!status && !signal)) continue;
    CrashView crash(std::string(*name), signal
                                            ? os::ExitStatus::signalled(static_cast<int>(*signal))
                                            : os::ExitStatus::exited(static_cast<int>(*status)));
    crash.at = Wall(std::chrono::milliseconds(number("at_ms").value_or(0)));
    crash.uptime = std::chrono::milliseconds(number("uptime_ms").value_or(0));
    out.push_back(std::move(crash));
  }
  return out;
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
