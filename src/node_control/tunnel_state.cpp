#include "node_control/tunnel_state.hpp"

#include <algorithm>

namespace relay::node_control {

std::string_view name_of(Tunnel state) noexcept {
  switch (state) {
    case Tunnel::unknown: return "unknown";
    case Tunnel::disabled: return "disabled";
    case Tunnel::connecting_initial: return "connecting_initial";
    case Tunnel::connecting_recovery: return "connecting_recovery";
    case Tunnel::connected: return "connected";
    case Tunnel::disconnected: return "disconnected";
  }
  return "unknown";
}

TunnelState::Report TunnelState::not_configured(Wall wall) {
  without_since_.reset();
  given_up_ = false;
  return say(Tunnel::disabled, wall);
}

TunnelState::Report TunnelState::trying(Monotonic now, Wall wall) {
  if (last_.state == Tunnel::connected) return std::nullopt;
  if (!without_since_) without_since_ = now;
  return on_time(now, wall);
}

TunnelState::Report TunnelState::accepted(Monotonic, Wall wall) {
  was_connected_ = true;
  without_since_.reset();
  given_up_ = false;
  return say(Tunnel::connected, wall);
}

TunnelState::Report TunnelState::lost(Monotonic now, Wall wall) {
  if (last_.state == Tunnel::disabled) return std::nullopt;
  if (!without_since_) without_since_ = now;
  return on_time(now, wall);
}

TunnelState::Report TunnelState::leaving(Wall wall) {
  without_since_.reset();
  given_up_ = true;
  if (last_.state == Tunnel::disabled) return std::nullopt;
  return say(Tunnel::disconnected, wall);
}

TunnelState::Report TunnelState::on_time(Monotonic now, Wall wall) {
  if (!without_since_) return std::nullopt;
  if (now >= *without_since_ + kGiveUpAfter) given_up_ = true;
  if (given_up_) return say(Tunnel::disconnected, wall);
  return say(was_connected_ ? Tunnel::connecting_recovery : Tunnel::connecting_initial, wall);
}

std::optional<Monotonic> TunnelState::next_deadline() const {
  if (!without_since_ || given_up_) return std::nullopt;
  return *without_since_ + kGiveUpAfter;
}

TunnelState::Report TunnelState::say(Tunnel state, Wall wall) {
  if (state == last_.state) return std::nullopt;
  const Wall at = std::max(wall, last_.at + std::chrono::milliseconds(1));
  last_ = TunnelReport{state, at};
  return last_;
}

std::size_t TunnelSubscribers::tell(const TunnelReport& report) noexcept {
  std::size_t failed = 0;
  for (const auto& subscriber : subscribers_) {
    try {
      subscriber(report);
    } catch (...) {
      ++failed;
    }
  }
  return failed;
}

}  // namespace relay::node_control
