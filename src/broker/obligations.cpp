#include "broker/obligations.hpp"

#include <algorithm>
#include <utility>

namespace relay::broker {
namespace {

constexpr std::string_view kDone = "\u2705";
constexpr std::string_view kDoneByName = "white_check_mark";

}  // namespace

void Obligations::queued(Monotonic now, const std::string& agent, const std::string& message_id,
                         const std::string& author, std::string_view body) {
  if (every_ <= Duration::zero() || message_id.empty()) return;
  if (body.find(kMark) == std::string_view::npos) return;
  Reminder what;
  what.agent = agent;
  what.message_id = message_id;
  what.author = author;
  const bool known =
      std::any_of(open_.begin(), open_.end(), [&](const Open& one) { return one.what == what; });
  if (known) return;
  if (open_.size() >= kMost) open_.pop_front();
  Open made;
  made.what = std::move(what);
  made.next = now + every_;
  open_.push_back(std::move(made));
}

void Obligations::reacted(const std::string& message_id, const std::string& who,
                          std::string_view emoji) {
  if (emoji != kDone && emoji != kDoneByName) return;
  std::erase_if(open_, [&](const Open& one) {
    return one.what.message_id == message_id && one.what.author == who;
  });
}

std::vector<Obligations::Reminder> Obligations::due(Monotonic now) {
  std::vector<Reminder> out;
  for (Open& one : open_) {
    if (now < one.next) continue;
    out.push_back(one.what);
    ++one.said;
    one.next = now + every_;
  }
  std::erase_if(open_, [](const Open& one) { return one.said >= kMostReminders; });
  return out;
}

std::optional<Monotonic> Obligations::next_deadline() const {
  std::optional<Monotonic> first;
  for (const Open& one : open_) {
    if (!first || one.next < *first) first = one.next;
  }
  return first;
}

}  // namespace relay::broker
