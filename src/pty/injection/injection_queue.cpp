#include "pty/injection/injection_queue.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace relay::pty {
namespace {

std::size_t bytes_of(const InjectionItem& item) {
  return item.text.size() + item.repeat_text.size();
}

}  // namespace

Result<void> InjectionQueue::push(InjectionItem item) {
  if (items_ >= most_items_ || bytes_of(item) > most_bytes_ - bytes_) {
    return fail(Code::queue_full, fmt::format("{} messages already wait for this agent", items_),
                "try again when it has read some of them");
  }
  ++items_;
  bytes_ += bytes_of(item);
  waiting_[item.priority].push_back(std::move(item));
  return {};
}

std::optional<InjectionItem> InjectionQueue::pop() {
  if (items_ == 0) return std::nullopt;
  const auto level = waiting_.begin();
  InjectionItem item = std::move(level->second.front());
  level->second.pop_front();
  if (level->second.empty()) waiting_.erase(level);
  forget(item);
  return item;
}

bool InjectionQueue::remove(std::uint64_t id) {
  for (auto level = waiting_.begin(); level != waiting_.end(); ++level) {
    auto& items = level->second;
    const auto found = std::find_if(items.begin(), items.end(),
                                    [id](const InjectionItem& item) { return item.id == id; });
    if (found == items.end()) continue;
    forget(*found);
    items.erase(found);
    if (items.empty()) waiting_.erase(level);
    return true;
  }
  return false;
}

std::vector<std::uint64_t> InjectionQueue::clear() {
  std::vector<std::uint64_t> ids;
  for (const auto& [priority, items] : waiting_) {
    for (const InjectionItem& item : items) ids.push_back(item.id);
  }
  waiting_.clear();
  items_ = 0;
  bytes_ = 0;
  return ids;
}

void InjectionQueue::forget(const InjectionItem& item) {
  --items_;
  bytes_ -= bytes_of(item);
}

}  // namespace relay::pty
