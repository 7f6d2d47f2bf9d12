#pragma once

#include "cli/node_setup.hpp"
#include <string>

#include "base/redaction.hpp"
#include "base/result.hpp"
#include "broker/daemon.hpp"
#include "os/files.hpp"

namespace relay::cli {

/// The options of `serve` as they were typed.
struct ServeOptions {
  EngineOptions engine;
  std::string instance;
  std::string name;
  std::string node_id;
  std::string node_token;
  std::string listen;
  std::string state_dir;
  std::string max_agents;
  std::string harness;
  std::string relay;
  /// all, node or engine; empty as all.
  std::string role;
  std::string engine_listen;
  std::string store;
  std::string orphan_grace;
  std::vector<std::string> channels;
  bool takeover = false;
  /// An engine for this instance alone.
  bool own_engine = false;
  /// Return when it is ready; it goes on without this terminal.
  bool background = false;
  /// Start nothing, say where the one that runs is.
  bool print_connection = false;
  /// We were started under the peer's name and speak as it does.
  bool peer = false;
  /// The workspace's key where it is not an option of the user's: of our own engine, or as the
  /// peer takes it, in the open.
  Secret key_in_hand;
  /// Of our own engine; empty when the broker has another one.
  os::Path engine_database;
  /// With `peer`: the broker ends when nobody renews its lease.
  bool leased = false;

  /// An engine of this program, and not the shared one.
  [[nodiscard]] bool asks_for_own_engine() const { return own_engine || !store.empty(); }
};

/// The instance that the options, the environment or the working directory name.
[[nodiscard]] Result<broker::Instance> serve_instance(const ServeOptions& options,
                                                      const os::Surroundings& around);
/// Whether a text can be --listen: "127.0.0.1:8080", "[::1]:0", or a port alone.
[[nodiscard]] Result<void> check_listen(const std::string& text);

/// Options that contradict each other: `invalid_argument`, with which one to leave out.
[[nodiscard]] Result<void> check_serve(const ServeOptions& options);

/// What `serve` runs with: the options, the environment, what is on disk, and what is usual.
/// `setup` gives the identity; `redactor` watches every secret from now on. `not_enrolled` when
/// there is no engine and nobody said that there is to be none.
[[nodiscard]] Result<broker::DaemonSettings> serve_settings(const ServeOptions& options,
                                                            NodeSetup& setup, os::Files& files,
                                                            Random& random, Redactor& redactor);

}  // namespace relay::cli
