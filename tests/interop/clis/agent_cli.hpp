#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/environment.hpp"
#include "os/paths.hpp"

namespace relay::interop {

/// A real CLI from npm.
struct AgentCli {
  /// As its profile is called.
  std::string name;
  os::Path program;
  std::string version;
};

/// The names that `find_cli` knows.
[[nodiscard]] const std::vector<std::string>& cli_names();

/// Nothing when `./dev interop` has not installed it.
[[nodiscard]] std::optional<AgentCli> find_cli(std::string_view name);

/// How to start one.
struct Launch {
  Launch(std::vector<std::string> argv_in, os::Environment environment_in, os::Path cwd_in)
      : argv(std::move(argv_in)), environment(std::move(environment_in)), cwd(std::move(cwd_in)) {}
  std::vector<std::string> argv;
  os::Environment environment;
  os::Path cwd;
};

/// A fresh home in `directory` with which the CLI wants no login, talks to the model on this port
/// and, by way of proxy settings, to nobody else. Unless it is the `first_time` in its working
/// directory it asks nothing else either. `directory` exists and is empty.
[[nodiscard]] Launch prepare(const AgentCli& cli, const os::Path& directory, std::uint16_t port,
                             bool first_time);

}  // namespace relay::interop
