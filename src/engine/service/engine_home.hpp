#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "os/files.hpp"

namespace relay::engine {

/// Where an engine of our own can be reached.
struct EngineAddress {
  std::string url;
  std::uint16_t port = 0;
  /// The process that runs it: an address is believed when this process has the database.
  pid_t pid = 0;
  /// Where it was before: what is bound to one of these is bound to this engine.
  std::vector<std::string> former;

  [[nodiscard]] bool is_or_was(std::string_view other) const;
};

/// An engine of our own on disk: its database, the key of its workspace and its address, together,
/// so that who uses the same database finds the same engine and no other one. Whoever has the
/// database's lock runs the engine. All files 0600 in 0700; every call may wait for a local disk.
class EngineHome {
 public:
  /// Former addresses that are remembered.
  static constexpr std::size_t kMostFormer = 8;

  /// The one that the brokers of a user share, or of one instance, has a directory of its own.
  EngineHome(const os::Path& directory, os::Files& files)
      : EngineHome(directory / "engine.db", directory / "workspace.key", directory / "engine.json",
                   files) {}
  /// A database elsewhere has its key and its address beside it: "x.db", "x.db.key", "x.db.json".
  [[nodiscard]] static EngineHome of_database(const os::Path& database, os::Files& files);

  [[nodiscard]] const os::Path& database() const { return database_; }

  /// The key of the workspace; made the first time, and the same for all who ask at once.
  [[nodiscard]] Result<Secret> workspace_key(Random& random);

  /// Where the engine was heard of last; nothing when there never was one here.
  [[nodiscard]] Result<std::optional<EngineAddress>> address() const;
  /// The engine listens there now, in this process. What it was before goes to the former ones.
  [[nodiscard]] Result<void> keep_address(const std::string& url, std::uint16_t port, pid_t pid);

 private:
  EngineHome(os::Path database, os::Path key, os::Path address, os::Files& files)
      : database_(std::move(database)),
        key_(std::move(key)),
        address_(std::move(address)),
        files_(files) {}

  os::Path database_;
  os::Path key_;
  os::Path address_;
  os::Files& files_;
};

}  // namespace relay::engine
