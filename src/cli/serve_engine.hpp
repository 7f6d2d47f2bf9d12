#pragma once

#include "cli/own_engine.hpp"
#include "cli/serve_settings.hpp"
#include <optional>

#include "base/result.hpp"
#include "os/files.hpp"

namespace relay::cli {

/// Which engine a broker belongs to.
enum class EngineChoice {
  /// None: agents of this machine only.
  none,
  /// The one that was named, by options or environment or by the directory's enrolment.
  named,
  /// The one that the brokers of this user share.
  own,
};

/// Where the engine of our own is kept: with the user's state, or with --own-engine in the
/// instance's.
[[nodiscard]] Result<os::Path> own_engine_directory(const ServeOptions& options);

/// An engine that was named wins; a directory that is enrolled with another engine stays with it.
[[nodiscard]] Result<EngineChoice> choose_engine(const ServeOptions& options, NodeSetup& setup,
                                                 const std::optional<engine::EngineAddress>& own);

/// --engine-listen and --store. `invalid_argument` for what cannot be.
[[nodiscard]] Result<OwnEngineSettings> own_engine_settings(const ServeOptions& options);

}  // namespace relay::cli
