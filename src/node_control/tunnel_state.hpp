#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace relay::node_control {

/// How the node stands with the engine, as dispatchers see it.
enum class Tunnel {
  unknown,              // nothing reported yet
  disabled,             // no engine is configured
  connecting_initial,   // first tries of this process
  connecting_recovery,  // was connected, tries again
  connected,
  disconnected,  // given up on in public; the tries go on for ever
};

/// The word on the wire: "connecting_initial".
[[nodiscard]] std::string_view name_of(Tunnel state) noexcept;

struct TunnelReport {
  Tunnel state = Tunnel::unknown;
  /// Later than that of every report before, also when the machine's clock was set back, because
  /// the engine keeps the latest.
  Wall at{};
  bool operator==(const TunnelReport&) const = default;
};

/// Turns what happens to the connection into reports, each state once. Pure: what it returns is for
/// the caller to pass on (TunnelSubscribers), so no subscriber can disturb it.
class TunnelState {
 public:
  /// Without a connection for this long a node says so, so that a dispatcher does not wait for it
  /// any longer (10 deferrals of 30 s).
  static constexpr Duration kGiveUpAfter = std::chrono::minutes(5);

  using Report = std::optional<TunnelReport>;

  [[nodiscard]] Report not_configured(Wall wall);
  /// A try begins. Says `connecting_*`, but not again after the node was given up on.
  [[nodiscard]] Report trying(Monotonic now, Wall wall);
  /// The engine has accepted the node: its first answer, not the end of the handshake.
  [[nodiscard]] Report accepted(Monotonic now, Wall wall);
  /// An accepted connection has ended, or a try has failed.
  [[nodiscard]] Report lost(Monotonic now, Wall wall);
  /// The process leaves on purpose.
  [[nodiscard]] Report leaving(Wall wall);
  [[nodiscard]] Report on_time(Monotonic now, Wall wall);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

  [[nodiscard]] Tunnel state() const { return last_.state; }

 private:
  Report say(Tunnel state, Wall wall);

  TunnelReport last_;
  bool was_connected_ = false;
  /// Since when there is no connection; nothing while there is one or none is wanted.
  std::optional<Monotonic> without_since_;
  bool given_up_ = false;
};

/// Passes reports on. One subscriber that throws does not keep the others from being told.
class TunnelSubscribers {
 public:
  using Subscriber = std::function<void(const TunnelReport&)>;

  void add(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }
  /// Returns how many subscribers failed.
  std::size_t tell(const TunnelReport& report) noexcept;

 private:
  std::vector<Subscriber> subscribers_;
};

}  // namespace relay::node_control
