#pragma once

#include "cli/command.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "os/environment.hpp"
#include "os/files.hpp"
#include "os/paths.hpp"

namespace relay::cli {

inline constexpr std::size_t kMostConfigBytes = std::size_t{256} << 10U;
inline constexpr const char* kConfigVariable = "RELAY_BROKER_CONFIG";

/// The configuration file of the user, as it was found.
class ConfigFile {
 public:
  ConfigFile() = default;

  os::Path path;
  /// Nothing when there is none, and none was asked for.
  std::optional<std::string> text;
};

/// `named` by an option, else by the variable, else the user's own. Perhaps nothing is there.
[[nodiscard]] os::Path config_path(const os::Environment& environment, const os::UserPaths& paths,
                                   const std::string& named);

/// `named`, else RELAY_BROKER_CONFIG, else config.toml of the user's configuration, which may be
/// missing.
[[nodiscard]] Result<ConfigFile> read_config(os::Files& files, const os::Environment& environment,
                                             const os::UserPaths& paths, const std::string& named);

/// Gives the options of `chosen` that were not typed, and that no variable of the environment sets,
/// the values of the file: those of the table with the command's name, else those at the top, which
/// count for every command with such an option. The whole file is checked, whatever is chosen;
/// `chosen` may be null. Errors: "FILE:LINE: …".
[[nodiscard]] Result<void> apply_config(const ConfigFile& file, const os::Environment& environment,
                                        const std::vector<Command>& commands,
                                        const Command* chosen);

}  // namespace relay::cli
