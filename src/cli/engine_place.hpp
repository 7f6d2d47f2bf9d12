#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "base/json_writer.hpp"
#include "engine/service/engine_home.hpp"
#include "os/files.hpp"
#include "os/paths.hpp"

namespace relay::cli {

/// An engine of our own, and the process that runs it.
class EnginePlace {
 public:
  EnginePlace() = default;
  std::string url;
  pid_t pid = 0;
  /// That process runs it now.
  bool alive = false;
  /// The instance of the broker that is in that process; empty for an engine alone.
  std::string instance;
  os::Path database;
};

/// What is known of the engine of this home; nothing when there never was one.
[[nodiscard]] std::optional<EnginePlace> engine_place(os::Files& files,
                                                      const engine::EngineHome& home);

/// The one of this address: the engine of the user, or of the instance alone that keeps its state
/// there, or of the database that it was started with. Nothing for one that is not ours.
[[nodiscard]] std::optional<EnginePlace> engine_place_of(const std::string& url,
                                                         const os::Path& state,
                                                         const std::string& instance);

/// "run by the broker app-1234 (pid 77), database /…/engine.db"
[[nodiscard]] std::string engine_place_text(const EnginePlace& place);
/// An object with pid, alive, instance and database; null for no place.
void write_engine_place(JsonWriter& out, const std::optional<EnginePlace>& place);

}  // namespace relay::cli
