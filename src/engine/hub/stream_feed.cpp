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

const StreamFeed::Told& StreamFeed::add(StreamNews news) {
  ++current_;
  std::visit([this](auto& each) { each.seq = current_; }, news.event);
  Told& told = kept_.emplace_back();
  told.facts = facts_of(news);
  told.text = wire::encode(news.event);
  if (kept_.size() > kKept) kept_.pop_front();
  return kept_.back();
}

StreamFeed::Replay StreamFeed::behind(std::uint64_t last_seen, const StreamFilter& filter) const {
  Replay replay;
  replay.current = current_;
  const auto before_kept = current_ - kept_.size();
  const bool is_known = last_seen >= before_kept && last_seen <= current_;
  replay.gap = !is_known;
  const auto from = is_known ? last_seen - before_kept : 0;
  for (auto at = static_cast<std::size_t>(from); at < kept_.size(); ++at) {
    if (filter.shows(kept_[at].facts)) replay.events.push_back(kept_[at].text);
  }
  return replay;
}

}  // namespace relay::engine
