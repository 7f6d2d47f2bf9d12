#pragma once

#include "cli/serve_settings.hpp"
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "broker/instance.hpp"
#include "os/files.hpp"
#include "os/paths.hpp"

namespace relay::cli {

/// How the broker of an instance was started last: kept so that people can be told how to start it
/// again. No secrets: a key's file is named, never the key.
struct ServeNote {
  /// Absolute.
  os::Path directory;
  /// What stood behind `serve`, without what only concerned that start.
  std::vector<std::string> arguments;
  /// Where its sockets were. May be empty.
  os::Path runtime;
};

[[nodiscard]] ServeNote note_of(const ServeOptions& options, os::Path directory);

/// Beside the instance's journal, wherever `--state-dir` has put that.
[[nodiscard]] Result<void> keep_serve_note(os::Files& files, const os::UserPaths& paths,
                                           const std::string& instance, const ServeNote& note);
/// Nothing when there is none that can be read.
[[nodiscard]] std::optional<ServeNote> read_serve_note(os::Files& files, const os::UserPaths& paths,
                                                       const std::string& instance);

/// The places of a broker, with the runtime directory of its last start for as long as that is
/// there: who has another one in the environment finds it, its keeper and its agents all the same.
[[nodiscard]] broker::Instance instance_as_noted(os::Files& files, const os::UserPaths& paths,
                                                 std::string name);

/// An instance that is named stays with the directory that it was started in, as long as there is
/// one: elsewhere its agents would be of another node. `already_running` says how it is started.
[[nodiscard]] Result<void> check_instance_directory(const ServeOptions& options);

/// The command that starts it again, for somebody who is in `here`: "relay-broker serve --relay
/// off", with a `cd` in front when it was started elsewhere.
[[nodiscard]] std::string serve_again(const std::optional<ServeNote>& note,
                                      const std::string& instance, const os::Path& here);

}  // namespace relay::cli
