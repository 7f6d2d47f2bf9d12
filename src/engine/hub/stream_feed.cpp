#include "engine/hub/stream_feed.hpp"

#include <utility>
#include <variant>

#include "engine/ids.hpp"

namespace relay::engine {

StreamFeed::StreamFeed(Wall start) : current_(first_event_number(start)), before_(current_) {}

const StreamFeed::Told& StreamFeed::add(StreamNews news) {
  auto& seq = std::visit([](auto& each) -> auto& { return each.seq; }, news.event);
  if (!seq) seq = current_ + 1;
  if (kept_.empty()) before_ = *seq - 1;
  current_ = *seq;
  Told& told = kept_.emplace_back();
  told.seq = current_;
  told.facts = facts_of(news);
  told.text = wire::encode(news.event);
  if (kept_.size() > kKept) {
    before_ = kept_.front().seq;
    kept_.pop_front();
  }
  return kept_.back();
}

StreamFeed::Replay StreamFeed::behind(std::uint64_t last_seen, const StreamFilter& filter) const {
  Replay replay;
  replay.current = current_;
  const bool is_known = last_seen >= before_ && last_seen <= current_;
  replay.gap = !is_known;
  for (const auto& told : kept_) {
    const bool is_seen = is_known && told.seq <= last_seen;
    if (!is_seen && filter.shows(told.facts)) replay.events.push_back(told.text);
  }
  return replay;
}

}  // namespace relay::engine
