#include "engine/hub/stream_feed.hpp"

#include <utility>
#include <variant>

#include "engine/ids.hpp"

namespace relay::engine {
namespace {

/// An id of that time without its lowest bits: exact in JavaScript, with room for 4,096 events in
/// each millisecond between two starts.
constexpr unsigned kDroppedBits = 10;

}  // namespace

StreamFeed::StreamFeed(Wall start) : current_(first_id_at(start) >> kDroppedBits) {}

const std::string& StreamFeed::add(wire::StreamMessageToClient event) {
  ++current_;
  std::visit([this](auto& each) { each.seq = current_; }, event);
  kept_.push_back(wire::encode(event));
  if (kept_.size() > kKept) kept_.pop_front();
  return kept_.back();
}

StreamFeed::Replay StreamFeed::behind(std::uint64_t last_seen) const {
  Replay replay;
  replay.current = current_;
  const auto before_kept = current_ - kept_.size();
  const bool is_known = last_seen >= before_kept && last_seen <= current_;
  replay.gap = !is_known;
  const auto from = is_known ? last_seen - before_kept : 0;
  replay.events.assign(kept_.begin() + static_cast<std::ptrdiff_t>(from), kept_.end());
  return replay;
}

}  // namespace relay::engine
