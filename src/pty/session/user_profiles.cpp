#include "pty/session/user_profiles.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "base/printable.hpp"
#include "pty/injection/profile_file.hpp"

namespace relay::pty {

Result<std::vector<Profile>> load_profiles(os::Files& files, const os::Path& directory) {
  const auto names = files.list(directory);
  if (!names && names.error().code == Code::not_found) return builtin_profiles();
  if (!names) return fail(names.error());
  std::vector<ProfileText> texts;
  for (const std::string& name : *names) {
    if (name.starts_with('.') || !name.ends_with(".toml")) continue;
    const os::Path file = directory / name;
    auto text = files.read(file, kMostProfileBytes);
    if (!text) return fail(std::move(text).error());
    texts.push_back({printable(file.string()), *std::move(text)});
  }
  return with_user_profiles(texts);
}

Result<Profile> profile_called(const std::vector<Profile>& profiles, std::string_view name) {
  std::vector<std::string> names;
  for (const Profile& profile : profiles) {
    if (profile.name == name) return profile;
    names.push_back(profile.name);
  }
  std::sort(names.begin(), names.end());
  return fail(Code::not_found, fmt::format("there is no profile called '{}'", printable(name)),
              fmt::format("one of: {}", fmt::join(names, ", ")));
}

}  // namespace relay::pty
