#pragma once

#include "cli/serve_settings.hpp"
#include "cli/shared_engine.hpp"
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "os/files.hpp"

namespace relay::cli {

/// Which engine a broker belongs to.
enum class EngineChoice {
  /// None: agents of this machine only.
  none,
  /// The one that was named, by options or environment or by the directory's enrolment.
  named,
  /// That of this program: the one that the brokers of this user share, or with --own-engine or
  /// --store another one.
  embedded,
};

/// An engine that a directory has a token of.
class EnrolledEngine {
 public:
  enum class Whose {
    /// Somebody else runs it.
    stranger,
    /// The brokers of this user share it.
    shared,
    /// --own-engine or --store has made it.
    own,
  };
  /// Empty in old files of agent-relay-broker.
  std::string url;
  std::string node_id;
  Whose whose = Whose::stranger;
};

/// All that decides which engine a broker belongs to.
class EngineQuestion {
 public:
  /// all, node or engine; empty as all.
  std::string role;
  bool relay_off = false;
  /// Started under the name of agent-relay-broker.
  bool peer = false;
  /// --own-engine or --store.
  bool own = false;
  /// By option or environment; empty for none.
  std::string named;
  /// Our shared engine listens there, or has.
  bool named_is_shared = false;
  /// A key or a token is given: that of some engine.
  bool secret_given = false;
  /// A node is named: `enrolled` is its token only.
  bool node_named = false;
  std::vector<EnrolledEngine> enrolled;
};

class EngineAnswer {
 public:
  EngineChoice choice = EngineChoice::none;
  /// Of the engine that is named; empty for the peer's usual one.
  std::string url;
};

/// Where the embedded engine is kept: with the user's state, with --own-engine in the instance's,
/// or where --store says. `invalid_argument` for a --store that cannot be.
[[nodiscard]] Result<engine::EngineHome> engine_home_of(const ServeOptions& options,
                                                        os::Files& files);

/// Options come before the environment, that before what the directory is enrolled with, and that
/// before the shared engine. A token of --own-engine or --store is none of a broker without them.
/// `not_enrolled` when there has to be an engine and none is known, `invalid_argument` when the
/// directory is enrolled with several.
[[nodiscard]] Result<EngineAnswer> decide_engine(const EngineQuestion& question);

/// As `decide_engine` says of the options, the environment and the tokens on disk.
[[nodiscard]] Result<EngineAnswer> choose_engine(const ServeOptions& options, NodeSetup& setup,
                                                 os::Files& files);

/// --engine-listen, and the limits that RELAYCAST_MAILBOX_TTL_MS, RELAYCAST_MAILBOX_DEPTH_CAP and
/// RELAYCAST_MESSAGE_TTL_DAYS say, as for the published engine. `invalid_argument` for what cannot
/// be.
[[nodiscard]] Result<SharedEngineSettings> shared_engine_settings(const ServeOptions& options);

}  // namespace relay::cli
