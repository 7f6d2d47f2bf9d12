#include "cli/attach_held_keys.hpp"

#include <iterator>
#include <utility>

namespace relay::cli {

bool HeldKeys::add(const std::string& keys) {
  if (bytes_ > 0 && bytes_ + keys.size() > kMostBytes) return false;
  bytes_ += keys.size();
  waiting_.push_back(keys);
  return true;
}

std::optional<std::string> HeldKeys::next() {
  if (waiting_.empty()) return std::nullopt;
  sent_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  return sent_.back();
}

std::string HeldKeys::take_sent() {
  if (sent_.empty()) return {};
  std::string keys = std::move(sent_.front());
  sent_.pop_front();
  return keys;
}

void HeldKeys::answered() {
  bytes_ -= take_sent().size();
}

void HeldKeys::refused_by_ending() {
  if (!sent_.empty()) refused_.push_back(take_sent());
}

void HeldKeys::over(bool in_order) {
  if (!in_order) {
    while (!sent_.empty()) answered();
  }
  const auto first = [this](std::deque<std::string>& keys) {
    waiting_.insert(waiting_.begin(), std::make_move_iterator(keys.begin()),
                    std::make_move_iterator(keys.end()));
    keys.clear();
  };
  first(sent_);
  first(refused_);
}

std::size_t HeldKeys::waiting_bytes() const {
  std::size_t out = 0;
  for (const auto* keys : {&refused_, &waiting_}) {
    for (const std::string& piece : *keys) out += piece.size();
  }
  return out;
}

}  // namespace relay::cli
