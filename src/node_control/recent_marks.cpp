#include "node_control/recent_marks.hpp"

namespace relay::node_control {

std::optional<std::uint64_t> RecentMarks::add(std::uint64_t mark, std::uint64_t seq) {
  if (!known_.emplace(mark, seq).second) return std::nullopt;
  order_.push_back(Entry{mark, seq});
  if (order_.size() <= most_) return std::nullopt;
  const Entry oldest = order_.front();
  order_.pop_front();
  known_.erase(oldest.mark);
  return oldest.seq;
}

}  // namespace relay::node_control
