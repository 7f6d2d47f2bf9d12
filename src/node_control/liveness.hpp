#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace relay::node_control {

enum class LivenessAction {
  heartbeat,  // send node.heartbeat
  ping,       // send a WebSocket ping
  inventory,  // send inventory.sync, also when it is empty, under the question's number as id
  drop,       // the connection is dead: close it without waiting for the peer
};

enum class DeadBecause {
  not_dead,
  no_answer,   // a question of ours got no answer
  silent,      // nothing of the engine itself was heard, whatever its WebSocket layer answers
  black_hole,  // not even a pong
};

struct LivenessStep {
  LivenessAction action = LivenessAction::heartbeat;
  /// For inventory: its number, unique in this process.
  std::uint64_t question = 0;
  DeadBecause because = DeadBecause::not_dead;
  bool operator==(const LivenessStep&) const = default;
};

struct LivenessPolicy {
  /// The engine takes a node for gone after 45 s without one.
  Duration heartbeat_every = std::chrono::seconds(12);
  Duration inventory_every = std::chrono::seconds(60);
  /// When nothing of the engine itself was heard for this long, it is asked.
  Duration ask_after = std::chrono::seconds(7);
  /// A question must be answered, and something be heard after one, within this.
  Duration answer_within = std::chrono::seconds(15);
  /// Nothing received at all, pongs included.
  Duration black_hole_after = std::chrono::seconds(48);
};

/// When to send heartbeats and inventories on one connection, and when to call it dead. The
/// question is inventory.sync with an id, because the engine answers it without a side effect that
/// we do not want; heartbeats and acks it never answers, and a pong only proves a proxy. Pure
/// timers.
class Liveness {
 public:
  explicit Liveness(LivenessPolicy policy = {}) : policy_(policy) {}

  using Steps = std::vector<LivenessStep>;

  /// The connection stands and node.register was sent. Inventory and heartbeat come at once.
  [[nodiscard]] Steps connected(Monotonic now);
  void disconnected();
  /// Something was received; `from_engine` for a text frame, not for ping and pong.
  void received(Monotonic now, bool from_engine);
  /// The reply (or error) to an inventory.sync. Answers for all that were sent before it.
  void answered(Monotonic now, std::uint64_t question);
  /// The inventory changed, or the engine has to repeat what is not acknowledged.
  [[nodiscard]] Steps sync_now(Monotonic now);
  [[nodiscard]] Steps heartbeat_now(Monotonic now);
  [[nodiscard]] Steps on_time(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

 private:
  struct Question {
    std::uint64_t number;
    Monotonic asked;
  };
  void ask(Monotonic now, Steps& out);
  [[nodiscard]] bool question_open() const { return !open_.empty(); }
  [[nodiscard]] Monotonic silent_at() const;
  [[nodiscard]] DeadBecause dead(Monotonic now) const;

  LivenessPolicy policy_;
  bool connected_ = false;
  Monotonic heartbeat_at_{};
  Monotonic inventory_at_{};
  Monotonic heard_engine_{};
  Monotonic heard_anything_{};
  /// Oldest first. Bounded: the first one that stays open ends the connection.
  std::deque<Question> open_;
  std::uint64_t questions_ = 0;
};

}  // namespace relay::node_control
