#include "os/paths.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <pwd.h>
#include <system_error>
#include <unistd.h>

#include "base/ids.hpp"
#include "base/printable.hpp"
#include "os/errno_error.hpp"

namespace relay::os {
namespace {

constexpr const char* kProgram = "relay-broker";
constexpr std::size_t kLongestInstance = 64;
/// Leaves room for "-" and the hash, and keeps socket paths short.
constexpr std::size_t kLongestBasename = 32;

bool may_be_in_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
         c == '_' || c == '-';
}

/// The variable's value if it is an absolute path, as XDG wants it.
Path absolute_from(const Environment& environment, std::string_view variable) {
  const Path value = environment.get(variable).value_or("");
  return value.is_absolute() ? value.lexically_normal() : Path();
}

Path home_of(uid_t user) {
  std::string buffer(16 * 1024, '\0');
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return {};
  }
  return found->pw_dir;
}

/// logind removes this when its user has logged out everywhere, and what a broker holds lives on.
/// After `su` it is that of somebody else.
bool goes_with_the_last_session(const Path& runtime) {
  const Path normal = runtime.lexically_normal();
  const std::string& text = normal.native();
  return text.starts_with("/run/user/") || text.starts_with("/var/run/user/");
}

}  // namespace

Result<Surroundings> Surroundings::of_process() {
  Surroundings out;
  out.environment = Environment::of_process();
  std::error_code error;
  out.working_directory = std::filesystem::current_path(error);
  if (error) {
    Error lost = errno_error(error.value(), "cannot find the working directory");
    if (error == std::errc::no_such_file_or_directory) {
      lost = Error(Code::cwd_missing, "the working directory has been removed",
                   "cd to one that is there");
    }
    return fail(std::move(lost));
  }
  out.user = ::geteuid();
  out.home_of_user = home_of(out.user);
  return out;
}

Result<UserPaths> user_paths(const Surroundings& surroundings) {
  const Environment& environment = surroundings.environment;
  Path home = absolute_from(environment, "HOME");
  if (home.empty() && surroundings.home_of_user.is_absolute()) home = surroundings.home_of_user;

  const auto place = [&](std::string_view variable, std::string_view below_home) {
    const Path set = absolute_from(environment, variable);
    if (!set.empty()) return set / kProgram;
    return home.empty() ? Path() : home / below_home / kProgram;
  };
  UserPaths paths;
  paths.config = place("XDG_CONFIG_HOME", ".config");
  paths.data = place("XDG_DATA_HOME", ".local/share");
  paths.state = place("XDG_STATE_HOME", ".local/state");
  if (paths.config.empty() || paths.data.empty() || paths.state.empty()) {
    return fail(
        Code::invalid_argument, "there is no home directory to keep files in",
        "set HOME, or XDG_CONFIG_HOME, XDG_DATA_HOME and XDG_STATE_HOME, to absolute paths");
  }
  const Path runtime = absolute_from(environment, "XDG_RUNTIME_DIR");
  const bool lasts = !runtime.empty() && !goes_with_the_last_session(runtime);
  paths.runtime = lasts ? runtime / kProgram : paths.state;
  const Path temporary = absolute_from(environment, "TMPDIR");
  paths.temporary = temporary.empty() ? Path("/tmp") : temporary;
  paths.user = surroundings.user;
  return paths;
}

InstancePaths instance_paths(const UserPaths& paths, std::string_view instance) {
  return {paths.state / instance, paths.runtime / instance};
}

std::string instance_name(const Path& directory) {
  Path normal = directory.lexically_normal();
  if (!normal.has_filename() && normal.has_relative_path()) normal = normal.parent_path();
  std::string name = normal.filename().string().substr(0, kLongestBasename);
  std::replace_if(name.begin(), name.end(), [](char c) { return !may_be_in_name(c); }, '-');
  name.erase(0, std::min(name.find_first_not_of(".-"), name.size()));
  if (name.empty()) name = "root";
  return fmt::format("{}-{}", name, short_hash(normal.string()));
}

std::vector<std::string> instance_candidates(const Path& directory) {
  std::vector<std::string> names;
  for (Path at = directory.lexically_normal();; at = at.parent_path()) {
    const std::string name = instance_name(at);
    if (names.empty() || names.back() != name) names.push_back(name);
    if (at == at.parent_path()) return names;
  }
}

Result<void> check_instance_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kLongestInstance && name.front() != '.' &&
                    name.front() != '-' && std::all_of(name.begin(), name.end(), may_be_in_name);
  if (good) return {};
  return fail(Code::invalid_argument,
              fmt::format("'{}' is no instance name", printable(name.substr(0, kLongestInstance))),
              "use up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit");
}

Path socket_path(const UserPaths& paths, const Path& runtime, std::string_view name) {
  Path direct = runtime / name;
  if (direct.native().size() <= kLongestSocketPath) return direct;
  // Not TMPDIR: everybody who asks has to get the same answer.
  return Path("/tmp") / fmt::format("{}-{}", kProgram, paths.user) /
         short_hash(runtime.lexically_normal().string()) / name;
}

}  // namespace relay::os
