#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"
#include "os/environment.hpp"

namespace relay::os {

using Path = std::filesystem::path;

/// What the places of our files depend on, as a value.
struct Surroundings {
  Environment environment;
  /// Absolute.
  Path working_directory;
  /// The home of the user database, used when HOME is not set. May be empty.
  Path home_of_user;
  uid_t user = 0;

  /// Those of this process. The working directory is without symbolic links, so that one project
  /// has one name.
  [[nodiscard]] static Result<Surroundings> of_process();
};

/// The directories of all instances, each `…/relay-broker`. None is made here.
struct UserPaths {
  Path config;
  Path data;
  Path state;
  /// $XDG_RUNTIME_DIR/relay-broker, or the state directory where there is none that outlives its
  /// user's last session.
  Path runtime;
  /// The system's temporary directory, absolute.
  Path temporary;
  uid_t user = 0;
};

/// By the XDG base directory rules: a value that is not absolute counts as not set. Fails only when
/// neither the variables nor a home say where to put things.
[[nodiscard]] Result<UserPaths> user_paths(const Surroundings& surroundings);

/// The directories of one instance.
struct InstancePaths {
  Path state;
  Path runtime;
};
[[nodiscard]] InstancePaths instance_paths(const UserPaths& paths, std::string_view instance);

/// "<basename>-<8 hex>" of an absolute directory: what the broker of a project is called. Always a
/// valid instance name.
[[nodiscard]] std::string instance_name(const Path& directory);

/// The names of the directory and of each one above it, nearest first: where a client looks for its
/// broker.
[[nodiscard]] std::vector<std::string> instance_candidates(const Path& directory);

/// Whether a name given by a person may be used: 1 to 64 of letters, digits, '.', '_' and '-', not
/// beginning with '.' or '-'. It becomes a part of paths.
[[nodiscard]] Result<void> check_instance_name(std::string_view name);

/// The longest path of a Unix socket: sun_path has 108 bytes with its end mark.
inline constexpr std::size_t kLongestSocketPath = 107;

/// Where the socket `name` of a runtime directory is: in it, or when that path is too long, in
/// "/tmp/relay-broker-<uid>/<8 hex of the directory>/". The caller makes both levels with
/// `Files::make_private_directory`, which refuses what another user has put there. Everyone who
/// starts with the same directory gets the same answer.
[[nodiscard]] Path socket_path(const UserPaths& paths, const Path& runtime, std::string_view name);

}  // namespace relay::os
