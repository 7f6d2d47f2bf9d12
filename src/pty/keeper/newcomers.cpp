#include "pty/keeper/newcomers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace relay::pty::keeper {
namespace {

/// The last few are looked at again each time: a number is given before its process can be seen.
constexpr pid_t kAgain = 3;

}  // namespace

PidCounter::PidCounter() : file_(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC)) {}

std::optional<pid_t> PidCounter::last() const {
  std::array<char, 128> text{};
  const ssize_t got = ::pread(file_.get(), text.data(), text.size(), 0);
  if (got <= 0) return std::nullopt;
  std::string_view line(text.data(), static_cast<std::size_t>(got));
  if (line.ends_with('\n')) line.remove_suffix(1);
  line.remove_prefix(std::min(line.rfind(' ') + 1, line.size()));
  pid_t last = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), last);
  if (error != std::errc() || end != line.data() + line.size() || last <= 0) return std::nullopt;
  return last;
}

bool hunt(pid_t from, const std::function<std::optional<pid_t>()>& last,
          const std::function<Sight(pid_t)>& look, const std::function<bool()>& over) {
  bool met = false;
  auto now = last();
  for (pid_t seen = from; now && *now >= seen && !over();) {
    bool alive = false;
    for (pid_t pid = std::max(from, seen - kAgain) + 1; pid <= *now; ++pid) {
      const Sight sight = look(pid);
      alive = alive || sight == Sight::alive;
      met = met || sight != Sight::nobody;
    }
    seen = *now;
    now = last();
    if (now == seen && !alive) break;
  }
  return met;
}

}  // namespace relay::pty::keeper
