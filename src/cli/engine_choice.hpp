#pragma once

#include "cli/serve_settings.hpp"
#include "cli/shared_engine.hpp"
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
  /// That of this program: the one that the brokers of this user share, or with --own-engine one
  /// for this instance alone.
  embedded,
};

/// Where the embedded engine is kept: with the user's state, with --own-engine in the instance's,
/// or where --store says. `invalid_argument` for a --store that cannot be.
[[nodiscard]] Result<engine::EngineHome> engine_home_of(const ServeOptions& options,
                                                        os::Files& files);

/// An engine that was named wins; a directory that is enrolled with another engine stays with it.
/// `embedded` is where the embedded one was last, if it ever was.
[[nodiscard]] Result<EngineChoice> choose_engine(
    const ServeOptions& options, NodeSetup& setup,
    const std::optional<engine::EngineAddress>& embedded);

/// --engine-listen, and the limits that RELAYCAST_MAILBOX_TTL_MS, RELAYCAST_MAILBOX_DEPTH_CAP and
/// RELAYCAST_MESSAGE_TTL_DAYS say, as for the published engine. `invalid_argument` for what cannot
/// be.
[[nodiscard]] Result<SharedEngineSettings> shared_engine_settings(const ServeOptions& options);

}  // namespace relay::cli
