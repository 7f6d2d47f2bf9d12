#include "broker/agent_mailbox.hpp"

#include <algorithm>
#include <utility>

namespace relay::broker {

AgentMailbox::Room::Room(AgentMailbox& mailbox, std::size_t bytes)
    : mailbox_(&mailbox), bytes_(bytes) {
  ++mailbox_->held_;
  mailbox_->held_bytes_ += bytes_;
}

void AgentMailbox::Room::give_back() {
  if (mailbox_ == nullptr) return;
  --mailbox_->held_;
  mailbox_->held_bytes_ -= bytes_;
  mailbox_ = nullptr;
}

Result<void> AgentMailbox::check_room(std::size_t bytes) const {
  if (messages_.size() + held_ < kMostMessages && bytes_ + held_bytes_ + bytes <= kMostBytes) {
    return {};
  }
  Error full(Code::queue_full, "too many messages wait for this agent",
             "try again when it has read some of them");
  full.retry_after = std::chrono::seconds(5);
  return fail(std::move(full));
}

Result<AgentMailbox::Room> AgentMailbox::hold_room(std::size_t bytes) {
  auto room = check_room(bytes);
  if (!room) return fail(std::move(room).error());
  return Room(*this, bytes);
}

Result<void> AgentMailbox::accept(Mail message) {
  const std::size_t size = message.inbound.letter.body.size();
  auto room = check_room(size);
  if (!room) return room;
  bytes_ += size;
  if (message.urgent()) newest_urgent_ = std::max(newest_urgent_, message.number);
  Entry entry;
  entry.message = std::move(message);
  messages_.push_back(std::move(entry));
  return {};
}

bool AgentMailbox::may_take() const {
  if (offered_ >= at_a_time_) return false;
  return std::any_of(messages_.begin(), messages_.end(),
                     [this](const Entry& entry) { return free(entry); });
}

std::vector<const Mail*> AgentMailbox::take() {
  std::vector<const Mail*> out;
  for (const bool urgent : {true, false}) {
    for (Entry& entry : messages_) {
      if (offered_ >= at_a_time_) return out;
      if (!free(entry) || entry.message.urgent() != urgent) continue;
      entry.offered = true;
      ++offered_;
      ++entry.message.attempts;
      out.push_back(&entry.message);
    }
  }
  return out;
}

bool AgentMailbox::still_next(std::uint64_t number) const {
  const auto taken = std::find_if(messages_.begin(), messages_.end(), [number](const Entry& entry) {
    return entry.message.number == number;
  });
  if (taken == messages_.end()) return true;
  if (mode_ == DeliveryMode::manual_flush && !taken->released) return false;
  if (taken->message.urgent() || newest_urgent_ < number) return true;
  return std::none_of(messages_.begin(), messages_.end(),
                      [this](const Entry& entry) { return free(entry) && entry.message.urgent(); });
}

void AgentMailbox::put_back(std::uint64_t number) {
  for (Entry& entry : messages_) {
    if (entry.message.number != number || !entry.offered) continue;
    entry.offered = false;
    --entry.message.attempts;
    --offered_;
    return;
  }
}

std::optional<Mail> AgentMailbox::ended(std::uint64_t number) {
  const auto found = std::find_if(messages_.begin(), messages_.end(), [number](const Entry& entry) {
    return entry.message.number == number;
  });
  if (found == messages_.end()) return std::nullopt;
  if (found->offered) --offered_;
  Mail out = std::move(found->message);
  bytes_ -= out.inbound.letter.body.size();
  messages_.erase(found);
  return out;
}

const Mail* AgentMailbox::find(std::uint64_t number) const {
  const auto found = std::find_if(messages_.begin(), messages_.end(), [number](const Entry& entry) {
    return entry.message.number == number;
  });
  return found == messages_.end() ? nullptr : &found->message;
}

void AgentMailbox::begun(std::uint64_t number, const std::string& generation, bool again) {
  for (Entry& entry : messages_) {
    if (entry.message.number != number) continue;
    entry.message.generation = generation;
    entry.message.begun = false;
    entry.message.recovering = entry.message.recovering || again;
    return;
  }
}

void AgentMailbox::settle_pace(bool reader_waited) {
  const bool more = std::any_of(messages_.begin(), messages_.end(),
                                [this](const Entry& entry) { return free(entry); });
  at_a_time_ = reader_waited && more ? std::min(at_a_time_ * 2, kMostOffered) : kLeastOffered;
}

void AgentMailbox::start_over(const std::vector<std::uint64_t>& perhaps_typed) {
  for (Entry& entry : messages_) {
    entry.offered = false;
    entry.message.begun = false;
    if (std::find(perhaps_typed.begin(), perhaps_typed.end(), entry.message.number) !=
        perhaps_typed.end()) {
      entry.message.recovering = true;
    }
  }
  offered_ = 0;
}

std::vector<MessageKey> AgentMailbox::begun_except(
    const std::string& generation, const std::vector<std::uint64_t>& numbers) const {
  std::vector<MessageKey> out;
  for (const Entry& entry : messages_) {
    const bool named =
        std::find(numbers.begin(), numbers.end(), entry.message.number) != numbers.end();
    // What was in doubt before stays so.
    const bool has_begun =
        entry.offered || (entry.message.begun && entry.message.generation == generation);
    if (has_begun && !named && !entry.message.recovering) out.push_back(entry.message.key);
  }
  return out;
}

std::vector<Mail> AgentMailbox::drain() {
  std::vector<Mail> out;
  out.reserve(messages_.size());
  for (Entry& entry : messages_) out.push_back(std::move(entry.message));
  messages_.clear();
  bytes_ = 0;
  offered_ = 0;
  return out;
}

std::size_t AgentMailbox::set_mode(DeliveryMode mode) {
  std::size_t let_go = 0;
  if (mode_ == DeliveryMode::manual_flush && mode == DeliveryMode::auto_inject) {
    for (const Entry& entry : messages_) let_go += !entry.offered && !entry.released ? 1 : 0;
  }
  mode_ = mode;
  ++revision_;
  return let_go;
}

std::size_t AgentMailbox::flush() {
  std::size_t let_go = 0;
  for (Entry& entry : messages_) {
    if (entry.offered || entry.released) continue;
    entry.released = true;
    let_go += mode_ == DeliveryMode::manual_flush ? 1 : 0;
  }
  return let_go;
}

std::vector<PendingMessage> AgentMailbox::pending(const std::string& agent) const {
  std::vector<PendingMessage> out;
  out.reserve(messages_.size());
  for (const Entry& entry : messages_) {
    const Mail& message = entry.message;
    PendingMessage one;
    one.delivery_id = message.key.delivery_id;
    one.event_id = message.inbound.event_id;
    one.agent = agent;
    one.from = message.inbound.letter.sender;
    one.target = message.inbound.letter.target.empty() ? agent : message.inbound.letter.target;
    one.thread_id = message.inbound.letter.thread;
    one.body = message.inbound.letter.body;
    one.priority = message.inbound.priority;
    one.mode = message.inbound.steer ? "steer" : "wait";
    one.queued = message.accepted;
    one.attempts = message.attempts;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace relay::broker
