#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "pty/injection/injection_types.hpp"

namespace relay::pty {

/// What waits to be typed into one session: highest priority first, in order within one. Full means
/// that the newest is refused (queue_full); what was accepted is never dropped.
class InjectionQueue {
 public:
  InjectionQueue(std::size_t most_items, std::size_t most_bytes)
      : most_items_(most_items), most_bytes_(most_bytes) {}

  [[nodiscard]] Result<void> push(InjectionItem item);
  [[nodiscard]] std::optional<InjectionItem> pop();
  /// Takes out an item that has not begun; false if it is not here.
  bool remove(std::uint64_t id);
  [[nodiscard]] std::vector<std::uint64_t> clear();
  [[nodiscard]] std::size_t size() const { return items_; }
  [[nodiscard]] bool empty() const { return items_ == 0; }

 private:
  void forget(const InjectionItem& item);

  std::size_t most_items_;
  std::size_t most_bytes_;
  std::size_t items_ = 0;
  std::size_t bytes_ = 0;
  std::map<int, std::deque<InjectionItem>, std::greater<>> waiting_;
};

}  // namespace relay::pty
