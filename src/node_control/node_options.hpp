#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "net/network_settings.hpp"
#include "node_control/delivery.hpp"
#include "node_control/liveness.hpp"
#include "node_control/tunnel_state.hpp"
#include "wire/common.hpp"

namespace relay::node_control {

/// Why a node leaves its engine: it ends, and with it its agents; or another process goes on with
/// the same node and the same agents.
enum class Farewell { for_good, successor_comes };

/// What the node tells the engine about itself.
class NodeManifest {
 public:
  NodeManifest() = default;

  /// What is called `spawn` alone is left out: the engine would make an action of the whole
  /// workspace of it, pinned to this node. "relay:delivery-cursor-v1" is added.
  std::vector<wire::Capability> capabilities;
  /// 0: as many as come.
  std::uint32_t max_agents = 0;
  std::vector<std::string> tags;
  /// "relay-broker/0.1.0"
  std::string version;

  /// As they go to the engine.
  [[nodiscard]] std::vector<wire::Capability> advertised() const;
};

/// Where the node lives, and how long it waits for what.
class NodeOptions {
 public:
  NodeOptions() = default;

  /// As `token_cache::engine_address` gives it: "https://cast.agentrelay.com".
  std::string engine;
  net::NetworkSettings network;
  NodeManifest manifest;
  /// For a token that does not say which name its node has.
  std::string node_name;
  LivenessPolicy liveness;
  MailboxPolicy mailbox;
  /// Name, connection, proxy, TLS and handshake.
  Duration connect_within = std::chrono::seconds(15);
  /// Looking for a token, minting included.
  Duration token_within = std::chrono::seconds(60);
  /// `start` waits this long for the first try to end, then comes up without a connection.
  Duration start_within = std::chrono::seconds(20);
  /// Taking leave of an engine that answers; one that does not has this long.
  Duration leave_within = std::chrono::seconds(2);
  Duration save_within = std::chrono::seconds(30);
};

struct NodeCounters {
  std::uint64_t tries = 0;
  /// Connections that the engine accepted the node on.
  std::uint64_t connections = 0;
  std::uint64_t frames_in = 0;
  /// Of a type that we do not know.
  std::uint64_t unknown_frames = 0;
  /// No JSON, another version, a field that is missing; binary frames.
  std::uint64_t bad_frames = 0;
  std::uint64_t engine_errors = 0;
  /// Deliver frames that were left to the engine while the store failed.
  std::uint64_t frames_left = 0;
};

/// For people and for `/health`.
class NodeStatus {
 public:
  NodeStatus() = default;

  Tunnel tunnel = Tunnel::unknown;
  bool connected = false;
  std::string node_id;
  std::string node_name;
  /// Why a person has to help.
  std::optional<Error> hard_error;
  /// Why the last try or connection ended.
  std::optional<Error> last_error;
  /// When the next try begins.
  std::optional<Duration> next_try_in;
  /// Why deliveries stand still.
  std::optional<Error> store_error;
  NodeCounters counters;
  DeliveryCounters deliveries;
  std::size_t agents = 0;
  std::size_t open_questions = 0;
  std::size_t unsent_results = 0;
};

}  // namespace relay::node_control
