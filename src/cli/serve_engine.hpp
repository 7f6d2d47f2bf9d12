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

/// The engine of our own: with the user's state, with --own-engine in the instance's, or where
/// --store says. `invalid_argument` for a --store that cannot be.
[[nodiscard]] Result<engine::EngineHome> own_engine_home(const ServeOptions& options,
                                                         os::Files& files);

/// An engine that was named wins; a directory that is enrolled with another engine stays with it.
[[nodiscard]] Result<EngineChoice> choose_engine(const ServeOptions& options, NodeSetup& setup,
                                                 const std::optional<engine::EngineAddress>& own);

/// --engine-listen, and the limits that RELAYCAST_MAILBOX_TTL_MS, RELAYCAST_MAILBOX_DEPTH_CAP and
/// RELAYCAST_MESSAGE_TTL_DAYS say, as for the published engine. `invalid_argument` for what cannot
/// be.
[[nodiscard]] Result<OwnEngineSettings> own_engine_settings(const ServeOptions& options);

}  // namespace relay::cli
