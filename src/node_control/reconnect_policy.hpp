#pragma once

#include <optional>
#include <string>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace relay::node_control {

/// Why there is no connection.
struct ConnectFailure {
  enum class Step { mint, connect };
  Step step = Step::connect;
  /// The HTTP status of the answer; 0 when there was none (network, TLS, timeout).
  int status = 0;
  /// What happened, with the engine's own words.
  std::string reason;
  /// As a 429 or 503 asked for.
  std::optional<Duration> retry_after;
};

struct NextTry {
  Duration wait{};
  /// Forget the token, in memory and in the cache, and mint another one after the wait.
  bool mint = false;
};

/// How a process starts when the engine does not take it at once.
enum class Start {
  fail,      // a new try cannot help: end with the real reason before readiness is announced
  degraded,  // come up, say that the node is not connected, keep trying
};

/// When to try the engine again, and with which token. Full jitter below a ceiling that doubles
/// from 0.5 to 30 s and starts anew after 60 s of health. Never gives up. Pure.
class ReconnectPolicy {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(500);
  static constexpr Duration kMost = std::chrono::seconds(30);
  static constexpr Duration kHealthyAfter = std::chrono::seconds(60);
  /// Minting in a row without a connection that established: minting makes the token before it
  /// invalid, so two brokers with one identity would evict each other for ever.
  static constexpr int kMostMints = 5;
  /// The longest wait that the engine can ask for.
  static constexpr Duration kMostAskedFor = std::chrono::seconds(300);

  /// `may_mint` is false with an operator's token, which only the operator can replace.
  ReconnectPolicy(Random& random, bool may_mint);

  [[nodiscard]] static Start judge_start(const ConnectFailure& failure);

  /// The engine has accepted the node on a new connection.
  void established(Monotonic now);
  /// The established connection has ended.
  [[nodiscard]] NextTry lost(Monotonic now);
  [[nodiscard]] NextTry failed(const ConnectFailure& failure);
  /// Somebody put another token in place: it gets its chances.
  void token_replaced();

  /// Why the node cannot connect without a person's help; for `status`. Gone with the next
  /// connection that establishes.
  [[nodiscard]] const std::optional<Error>& hard_error() const { return hard_error_; }
  [[nodiscard]] int rejections_in_a_row() const { return rejections_; }

 private:
  Random& random_;
  Backoff backoff_;
  bool may_mint_;
  int rejections_ = 0;
  std::optional<Monotonic> established_at_;
  std::optional<Error> hard_error_;
};

}  // namespace relay::node_control
