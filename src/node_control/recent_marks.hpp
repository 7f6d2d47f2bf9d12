#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace relay::node_control {

/// A delivery id in 8 bytes (FNV-1a). The same on every machine and in every version, because it is
/// written to disk.
[[nodiscard]] constexpr std::uint64_t mark_of(std::string_view id) {
  std::uint64_t mark = 14695981039346656037U;
  for (const char c : id) {
    mark ^= static_cast<unsigned char>(c);
    mark *= 1099511628211U;
  }
  return mark;
}

/// The last `most` marks with the sequence number each came with; the oldest goes first.
class RecentMarks {
 public:
  struct Entry {
    std::uint64_t mark;
    std::uint64_t seq;
    bool operator==(const Entry&) const = default;
  };

  explicit RecentMarks(std::size_t most) : most_(most) {}

  [[nodiscard]] bool contains(std::uint64_t mark) const { return known_.contains(mark); }

  /// Remembers a mark; one that is known keeps its place. Returns the sequence number of the entry
  /// that had to go, if one had to.
  std::optional<std::uint64_t> add(std::uint64_t mark, std::uint64_t seq);

  [[nodiscard]] const std::deque<Entry>& oldest_first() const { return order_; }

 private:
  std::size_t most_;
  std::deque<Entry> order_;
  std::unordered_map<std::uint64_t, std::uint64_t> known_;
};

}  // namespace relay::node_control
