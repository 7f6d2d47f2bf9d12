#include "cli/wrap_words.hpp"

#include <ctime>
#include <fmt/format.h>

#include "base/printable.hpp"

namespace relay::cli {
namespace {

/// As the person's own clock shows it.
std::string clock_text(Wall when) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string wrap_greeting(std::string_view name, std::string_view broker) {
  return fmt::format("{} at broker {}: relay-broker send {} TEXT reaches it", printable(name),
                     printable(broker), printable(name));
}

std::string wrap_without_keys(std::string_view program) {
  return fmt::format("{} reads its input from a pipe or a file, so no messages reach it",
                     printable(program));
}

std::string wrap_absence(std::string_view name, const Absence& absence) {
  if (absence.times == 0) return {};
  if (absence.away) {
    return fmt::format("the broker ended at {}: messages for {} have not come here since",
                       clock_text(absence.since), printable(name));
  }
  const std::string again =
      absence.times == 1 ? "" : fmt::format(", the last of {} times", absence.times);
  return fmt::format("the broker was away from {} to {}{}: messages for {} came later",
                     clock_text(absence.since), clock_text(absence.until), again, printable(name));
}

Error wrap_not_joined(Error error) {
  if (error.hint.find("--no-inject") != std::string::npos) return error;
  if (!error.hint.empty()) error.hint += "; ";
  error.hint += "relay-broker wrap --no-inject runs the program without messages";
  return error;
}

}  // namespace relay::cli
