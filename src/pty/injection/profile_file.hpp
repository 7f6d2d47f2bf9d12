#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pty/injection/profile.hpp"

namespace relay::pty {

/// A profile is written by hand; this is a hundred times the longest one.
inline constexpr std::size_t kMostProfileBytes = std::size_t{256} << 10;

/// Reads a profile (profiles/README.md has the keys). `file` is what errors name: they begin with
/// "FILE:LINE: ". An unknown key, a wrong type, a pattern that matches everything and a key that no
/// keyboard has are errors (invalid_argument).
[[nodiscard]] Result<Profile> parse_profile(std::string_view text, std::string_view file);

/// The profiles that are part of the program; the generic one is among them.
[[nodiscard]] std::vector<Profile> builtin_profiles();

struct ProfileText {
  std::string file;
  std::string text;
};

/// The user's profiles in front of the built-in ones; one of the same name takes its place. The
/// first bad profile is the error: one that is skipped in silence would type into the wrong place.
[[nodiscard]] Result<std::vector<Profile>> with_user_profiles(
    const std::vector<ProfileText>& users);

}  // namespace relay::pty
