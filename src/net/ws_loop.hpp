#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"

// Internal to net/.
namespace relay::net {

/// What the WebSockets of one loop thread share, so that an idle one costs little: one timer for
/// all their deadlines, and one buffer to read into.
class WsLoop final : public asio::execution_context::service {
 public:
  using key_type = WsLoop;
  static asio::execution_context::id id;

  /// A connection with deadlines.
  class Member {
   public:
    virtual ~Member() = default;
    /// Does what is due, and says when to look again.
    virtual Monotonic tick(Monotonic now) = 0;
  };
  using Place = std::list<Member*>::iterator;

  /// That of the loop behind the executor.
  static WsLoop& of(const asio::any_io_executor& executor);

  explicit WsLoop(asio::execution_context& context) : service(context) {}

  Place join(Member* member, const asio::any_io_executor& executor);
  void leave(Place place);

  /// Every member is ticked at this time or before. Costs a comparison unless it is the earliest.
  void wake_at(Monotonic when) {
    if (when < armed_) arm(when);
  }

  /// Room to read into. What is in it is anybody's after the next suspension.
  std::span<char> scratch();

 private:
  void shutdown() override;
  void arm(Monotonic when);
  void sweep();

  std::list<Member*> members_;
  std::optional<asio::steady_timer> timer_;
  Monotonic armed_ = Monotonic::max();
  Monotonic last_sweep_ = Monotonic::min();
  std::vector<char> scratch_;
};

}  // namespace relay::net
