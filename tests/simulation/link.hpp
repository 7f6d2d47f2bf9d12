#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "simulation/timeline.hpp"
#include "wire/node_frames.hpp"

namespace relay::simulation {

/// What WebSockets themselves say.
struct Ping {};
struct Pong {};
/// Frames of nodes as values, which the engine would get by decoding them; of engines as texts.
using Parcel = std::variant<wire::NodeFrame, std::string, Ping, Pong>;

/// One connection between a node and the engine, which can be cut between any two frames, go on
/// without a word of it on either side, or stand still.
class Link : public std::enable_shared_from_this<Link> {
 public:
  enum Side { node = 0, engine = 1 };
  /// Frames that a peer that does not read leaves in the sockets.
  static constexpr std::size_t kMostUnderWay = 256;

  struct Ears {
    std::function<void(Parcel)> parcel;
    std::function<void()> closed;
  };

  Link(Timeline& timeline, Dice& dice, Duration latency)
      : timeline_(timeline), dice_(dice), latency_(latency) {}

  /// Called as long as `life` lasts and the side is open.
  void listen(Side side, const Life& life, Ears ears) {
    ends_.at(side).alive = life.alive();
    ends_.at(side).ears = std::move(ears);
  }
  /// For the end of who listens: a connection holds what its ears hold.
  void forget_ears(Side side) { ends_.at(side).ears = {}; }
  [[nodiscard]] bool is_open(Side side) const {
    return ends_.at(side).open && !ends_.at(side).alive.expired();
  }

  /// False when the socket takes no more.
  bool send(Side from, Parcel parcel) {
    End& end = ends_.at(from);
    if (!end.open || end.under_way >= kMostUnderWay) return false;
    using namespace std::chrono_literals;
    if (end.is_lost) {
      if (is_hollow_ && from == node && std::holds_alternative<Ping>(parcel)) pong();
      return true;
    }
    const Duration jitter = dice_.between(0us, latency_);
    end.last = std::max({end.last + 1us, timeline_.now() + latency_ + jitter, end.stalled_until});
    ++end.under_way;
    timeline_.at(end.last, [self = shared_from_this(), from, number = ++end.sent,
                            parcel = std::move(parcel)]() mutable {
      self->arrive(from, number, std::move(parcel));
    });
    return true;
  }

  /// The other side hears of it behind what is under way, unless the line is dead.
  void close(Side side) {
    End& end = ends_.at(side);
    if (!end.open) return;
    end.open = false;
    end.ears = {};
    if (end.is_lost) return;
    const Side other = side == node ? engine : node;
    const Monotonic when = std::max(end.last, timeline_.now() + latency_);
    timeline_.at(when, [self = shared_from_this(), other] { self->hear_end(other); });
  }

  /// Nothing goes through any more, and of what is under way only the beginning. Who does not hear
  /// of it goes on as if the other one were silent.
  void cut(bool node_hears, bool engine_hears) {
    for (End& end : ends_) {
      if (end.is_lost) continue;
      end.is_lost = true;
      end.arrives_to = end.sent - end.under_way + dice_.below(end.under_way + 1);
    }
    using namespace std::chrono_literals;
    for (const Side side : {node, engine}) {
      if (!(side == node ? node_hears : engine_hears)) continue;
      timeline_.after(dice_.between(0ms, 400ms),
                      [self = shared_from_this(), side] { self->hear_end(side); });
    }
  }
  /// As `cut` of which nobody hears, with something on the way that answers pings.
  void hollow() {
    cut(false, false);
    is_hollow_ = true;
  }
  /// What this side says comes later, all of it in its order.
  void stall(Side from, Duration by) { ends_.at(from).stalled_until = timeline_.now() + by; }
  [[nodiscard]] bool is_cut() const { return ends_[node].is_lost; }

 private:
  struct End {
    bool open = true;
    std::weak_ptr<bool> alive;
    Ears ears;
    Monotonic last{};
    Monotonic stalled_until{};
    std::size_t under_way = 0;
    std::uint64_t sent = 0;
    bool is_lost = false;
    std::uint64_t arrives_to = 0;
  };

  void pong() {
    timeline_.after(latency_ * 2, [self = shared_from_this()] {
      const auto& end = self->ends_[node];
      if (!end.open || end.alive.expired() || !end.ears.parcel) return;
      const auto hear = end.ears.parcel;
      hear(Pong());
    });
  }
  void arrive(Side from, std::uint64_t number, Parcel parcel) {
    End& sender = ends_.at(from);
    --sender.under_way;
    if (sender.is_lost && number > sender.arrives_to) return;
    End& end = ends_.at(from == node ? engine : node);
    if (!end.open || end.alive.expired() || !end.ears.parcel) return;
    const auto hear = end.ears.parcel;
    hear(std::move(parcel));
  }
  void hear_end(Side side) {
    End& end = ends_.at(side);
    if (!end.open) return;
    end.open = false;
    const auto ears = std::exchange(end.ears, {});
    if (!end.alive.expired() && ears.closed) ears.closed();
  }

  Timeline& timeline_;
  Dice& dice_;
  Duration latency_;
  std::array<End, 2> ends_;
  bool is_hollow_ = false;
};
using LinkPtr = std::shared_ptr<Link>;

}  // namespace relay::simulation
