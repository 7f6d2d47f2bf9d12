// A profile is read or refused with file and line; one that is read can look at a screen.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "pty/injection/profile_file.hpp"
#include "pty/injection/readiness.hpp"

namespace relay::fuzz::pty_profile {

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto profile = relay::pty::parse_profile(input, "p.toml");
  if (!profile) {
    if (!profile.error().message.starts_with("p.toml:")) std::abort();
    return 0;
  }
  if (profile->name.empty()) std::abort();
  relay::pty::ScreenText screen;
  screen.rows = {"────────────────", "❯ text", "────────────────"};
  (void)relay::pty::look(*profile, screen);
  return 0;
}

}  // namespace relay::fuzz::pty_profile
