#include "net/ws_loop.hpp"

#include <algorithm>
#include <asio/execution/context_as.hpp>
#include <asio/query.hpp>

namespace relay::net {
namespace {

/// Sweeps are at least this far apart, so that thousands of connections with a deadline each cost
/// at most 200 sweeps a second; a deadline is late by no more than this.
constexpr std::chrono::milliseconds kSweepGap{5};

/// Large enough that a deep pipeline is read in one call.
constexpr std::size_t kScratchSize = std::size_t{64} << 10U;

}  // namespace

asio::execution_context::id WsLoop::id;

WsLoop& WsLoop::of(const asio::any_io_executor& executor) {
  const auto property = asio::execution::context_as<asio::execution_context&>;
  return asio::use_service<WsLoop>(asio::query(executor, property));
}

WsLoop::Place WsLoop::join(Member* member, const asio::any_io_executor& executor) {
  if (!timer_) timer_.emplace(executor);
  return members_.insert(members_.end(), member);
}

void WsLoop::leave(Place place) {
  members_.erase(place);
  // A timer that is left would keep the loop running.
  if (members_.empty() && timer_) {
    timer_->cancel();
    armed_ = Monotonic::max();
  }
}

std::span<char> WsLoop::scratch() {
  if (scratch_.empty()) scratch_.resize(kScratchSize);
  return scratch_;
}

void WsLoop::shutdown() {
  timer_.reset();
}

void WsLoop::arm(Monotonic when) {
  armed_ = when;
  timer_->expires_at(std::max(when, last_sweep_ + kSweepGap));
  timer_->async_wait([this](const std::error_code& error) {
    if (!error) sweep();
  });
}

void WsLoop::sweep() {
  const Monotonic now = SystemClock().now();
  last_sweep_ = now;
  armed_ = Monotonic::max();
  Monotonic next = Monotonic::max();
  for (Member* member : members_) next = std::min(next, member->tick(now));
  wake_at(next);
}

}  // namespace relay::net
