#include "node_control/reconnect_policy.hpp"

#include <algorithm>

namespace relay::node_control {

ReconnectPolicy::ReconnectPolicy(Random& random, bool may_mint)
    : random_(random), backoff_(kFirst, kMost, kHealthyAfter, random), may_mint_(may_mint) {}

Start ReconnectPolicy::judge_start(const ConnectFailure& failure) {
  const bool permanent = failure.status >= 400 && failure.status < 500 && failure.status != 408 &&
                         failure.status != 429;
  // A refused token can be replaced; a refused workspace key, which mints it, cannot.
  const bool token_refused = failure.step == ConnectFailure::Step::connect && failure.status == 401;
  return permanent && !token_refused ? Start::fail : Start::degraded;
}

void ReconnectPolicy::established(Monotonic now) {
  established_at_ = now;
  rejections_ = 0;
  hard_error_.reset();
}

NextTry ReconnectPolicy::lost(Monotonic now) {
  if (established_at_) backoff_.lived(now - *established_at_);
  established_at_.reset();
  return {backoff_.next(), false};
}

NextTry ReconnectPolicy::failed(const ConnectFailure& failure) {
  NextTry next{backoff_.next(), false};
  if (failure.retry_after) {
    next.wait = std::max(next.wait, std::min(*failure.retry_after, kMostAskedFor));
  }
  const bool rejected = failure.step == ConnectFailure::Step::connect && failure.status == 401;
  if (!rejected) return next;
  ++rejections_;
  if (may_mint_ && rejections_ <= kMostMints) {
    next.mint = true;
    return next;
  }
  hard_error_ = may_mint_
                    ? Error(Code::token_rejected,
                            "the engine refused " + std::to_string(rejections_) +
                                " node tokens in a row: " + failure.reason,
                            "another broker may use this node's identity; relay-broker token mint "
                            "makes a new one")
                    : Error(Code::token_rejected,
                            "the engine refuses the node token that was given: " + failure.reason,
                            "give a valid token in RELAY_NODE_TOKEN");
  // The longest wait, still not all at the same time.
  const auto half = static_cast<std::uint64_t>((kMost / 2).count());
  const Duration spread(static_cast<Duration::rep>(random_.below(half) + 1));
  next.wait = std::max(next.wait, kMost / 2 + spread);
  return next;
}

void ReconnectPolicy::token_replaced() {
  rejections_ = 0;
  hard_error_.reset();
}

}  // namespace relay::node_control
