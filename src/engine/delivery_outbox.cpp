#include "engine/delivery_outbox.hpp"

#include <algorithm>

namespace relay::engine {
namespace {

/// A row that is refused this often, alone and right behind the node's cursor, was shown already.
constexpr int kShownAfter = 2;

}  // namespace

void DeliveryOutbox::add(std::uint64_t seq) {
  if (seq <= last_) return;
  last_ = seq;
  Slot slot;
  slot.seq = seq;
  slots_.push_back(slot);
}

void DeliveryOutbox::settled(std::uint64_t seq) {
  const auto found = std::find_if(slots_.begin(), slots_.end(),
                                  [seq](const Slot& slot) { return slot.seq == seq; });
  if (found == slots_.end()) return;
  if (found->sent && numbering_ == Numbering::own) {
    found->gone = true;
  } else {
    slots_.erase(found);
  }
}

std::optional<std::uint64_t> DeliveryOutbox::wants(Monotonic now) const {
  const bool comes_again = (resend_at_ && *resend_at_ <= now) || (repeat_at_ && *repeat_at_ <= now);
  if (comes_again && !slots_.empty()) return slots_.front().seq - 1;
  const bool counts = numbering_ == Numbering::own && !slots_.empty();
  if (counts && !cursor_) {
    const bool is_told = quiet_at_ && *quiet_at_ <= now;
    const bool asks = !asked_until_ || *asked_until_ <= now;
    if (is_told || asks) return slots_.front().seq - 1;
    return std::nullopt;
  }
  for (const Slot& slot : slots_) {
    if (!slot.sent) return slot.seq - 1;
    if (alone_) return std::nullopt;
  }
  if (!wants_more()) return std::nullopt;
  return last_;
}

void DeliveryOutbox::read(std::uint64_t after, const std::vector<std::uint64_t>& seqs, bool whole) {
  const auto known_to = whole ? last_ : (seqs.empty() ? after : seqs.back());
  std::vector<std::uint64_t> over;
  for (const Slot& slot : slots_) {
    if (slot.seq <= after || slot.seq > known_to || slot.gone) continue;
    if (!std::binary_search(seqs.begin(), seqs.end(), slot.seq)) over.push_back(slot.seq);
  }
  for (const auto seq : over) settled(seq);
  for (const auto seq : seqs) {
    if (wants_more()) add(seq);
  }
}

void DeliveryOutbox::not_sent(const Frame& frame) {
  if (unanswered_ > 0) --unanswered_;
  if (frame.question) {
    asked_until_.reset();
    return;
  }
  for (Slot& slot : slots_) {
    if (slot.seq == frame.seq) slot.sent = false;
  }
  if (sent_count() == 0) resend_at_.reset();
}

bool DeliveryOutbox::has_unsent() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.sent; });
}

void DeliveryOutbox::event_sent() {
  if (numbering_ != Numbering::own) return;
  ++events_;
  ++unanswered_;
}

void DeliveryOutbox::restarted() {
  forget_sent();
  resend_at_.reset();
  silence_ = kFirstSilence;
  pause_ = kRefusalPause;
  refused_alone_ = 0;
  repeat_at_.reset();
  for (Slot& slot : slots_) slot.repeat_after = kFirstRepeat;
}

void DeliveryOutbox::asked_again(Monotonic now) {
  if (numbering_ != Numbering::durable) return;
  for (Slot& slot : slots_) slot.asked_for = slot.sent;
  repeat_due(now);
}

void DeliveryOutbox::repeat_due(Monotonic now) {
  repeat_at_.reset();
  for (Slot& slot : slots_) {
    if (!slot.sent || !slot.asked_for) continue;
    const Monotonic due = slot.sent_at + slot.repeat_after;
    if (due <= now) {
      slot.sent = false;
      slot.repeat_after = std::min<Duration>(slot.repeat_after * 2, kLastRepeat);
    } else if (!repeat_at_ || due < *repeat_at_) {
      repeat_at_ = due;
    }
  }
}

std::vector<DeliveryOutbox::Frame> DeliveryOutbox::take(Monotonic now) {
  std::vector<Frame> frames;
  if (repeat_at_ && *repeat_at_ <= now) repeat_due(now);
  if (quiet_at_ && *quiet_at_ <= now) cursor_learned(heard_);
  if (resend_at_ && *resend_at_ <= now) {
    resend_at_.reset();
    silence_ = std::min<Duration>(silence_ * 2, kLastSilence);
    forget_sent();
    alone_ = numbering_ == Numbering::own;
  }
  if (slots_.empty()) return frames;
  if (numbering_ == Numbering::own && !cursor_) {
    if (asked_until_ && now < *asked_until_) return frames;
    asked_until_ = now + kAskAgain;
    ++unanswered_;
    frames.push_back({slots_.front().seq, kQuestion, true});
    return frames;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (alone_ && i > 0) break;
    if (slot.sent) continue;
    slot.sent = true;
    slot.sent_at = now;
    slot.asked_for = false;
    ++unanswered_;
    frames.push_back({slot.seq, cursor_ ? *cursor_ + i + 1 : slot.seq, false});
  }
  if (!frames.empty() && !resend_at_) resend_at_ = now + silence_;
  return frames;
}

std::optional<Monotonic> DeliveryOutbox::next() const {
  std::optional<Monotonic> at = resend_at_;
  const auto sooner = [&at](const std::optional<Monotonic>& other) {
    if (other && (!at || *other < *at)) at = other;
  };
  sooner(quiet_at_);
  if (!slots_.empty()) sooner(repeat_at_);
  if (!slots_.empty() && !cursor_) sooner(asked_until_);
  return at;
}

std::optional<std::uint64_t> DeliveryOutbox::acked(std::uint64_t up_to, Monotonic now) {
  if (numbering_ == Numbering::own) return answered_own(up_to, now);
  // Another question may have been out when it was found that the node does not count.
  if (up_to == 0 || up_to >= kQuestion) return std::nullopt;
  const auto before = slots_.size();
  while (!slots_.empty() && slots_.front().seq <= up_to) slots_.pop_front();
  if (slots_.size() != before) progressed(now);
  return up_to;
}

std::optional<std::uint64_t> DeliveryOutbox::answered_own(std::uint64_t up_to, Monotonic now) {
  if (up_to == kQuestion) {
    // It acknowledges whatever it is sent: a client that has shown the row and does not count.
    numbering_ = Numbering::durable;
    cursor_.reset();
    asked_until_.reset();
    quiet_at_.reset();
    if (slots_.empty()) return std::nullopt;
    const auto shown = slots_.front().seq;
    slots_.pop_front();
    for (Slot& slot : slots_) slot.sent = false;
    return shown;
  }
  if (unanswered_ > 0) --unanswered_;
  if (!cursor_) {
    if (!asked_until_) return std::nullopt;
    // The answer to the question is the last one; what comes before it is of earlier frames. After
    // a refusal the count of those is not believed: the answer to the next frame has to be its own.
    heard_ = up_to;
    quiet_at_ = now + kQuiet;
    if (unanswered_ == 0 && !alone_) cursor_learned(up_to);
    return std::nullopt;
  }
  if (up_to > *cursor_ && up_to - *cursor_ <= sent_count()) return advance(up_to, now);
  if (up_to == *cursor_) return refused(now);
  // It counts from elsewhere than we thought.
  forget_sent();
  resend_at_.reset();
  return std::nullopt;
}

/// The node's cursor has gone on over frames that were sent to it.
std::optional<std::uint64_t> DeliveryOutbox::advance(std::uint64_t up_to, Monotonic now) {
  std::optional<std::uint64_t> acknowledged;
  while (*cursor_ < up_to) {
    const Slot& slot = slots_.front();
    if (!slot.gone && !is_proof(*cursor_ + 1, slot.seq)) break;
    acknowledged = slot.seq;
    if (!slot.gone) shown(slot.seq);
    slots_.pop_front();
    ++*cursor_;
  }
  if (*cursor_ == up_to) {
    progressed(now);
  } else {
    // Either of two rows may be what it took.
    forget_sent();
    resend_at_.reset();
    alone_ = true;
    refused_alone_ = 0;
  }
  std::erase_if(abandoned_, [up_to](const Abandoned& each) { return each.number <= up_to; });
  return acknowledged;
}

/// A frame was answered with the cursor as it was: an event, or a row that it did not take.
std::optional<std::uint64_t> DeliveryOutbox::refused(Monotonic now) {
  if (events_ > 0) {
    --events_;
    return std::nullopt;
  }
  // Once for all that are out.
  if (sent_count() == 0 || was_refused_) return std::nullopt;
  was_refused_ = true;
  if (alone_ && ++refused_alone_ >= kShownAfter) {
    const auto seq = slots_.front().seq;
    slots_.pop_front();
    shown(seq);
    progressed(now);
    return seq;
  }
  resend_at_ = now + pause_;
  pause_ = std::min<Duration>(pause_ * 2, kLastPause);
  return std::nullopt;
}

bool DeliveryOutbox::is_proof(std::uint64_t number, std::uint64_t seq) const {
  return std::none_of(abandoned_.begin(), abandoned_.end(), [&](const Abandoned& each) {
    return each.number == number && each.seq != seq;
  });
}

/// It is taken under no other number any more: those are free to prove other rows.
void DeliveryOutbox::shown(std::uint64_t seq) {
  std::erase_if(abandoned_, [seq](const Abandoned& each) { return each.seq == seq; });
}

/// What is out may still be taken under its number; it gets another one.
void DeliveryOutbox::abandon_sent() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].sent || !cursor_) continue;
    const Abandoned each{*cursor_ + i + 1, slots_[i].seq};
    const bool known = std::any_of(abandoned_.begin(), abandoned_.end(), [&](const auto& other) {
      return other.number == each.number && other.seq == each.seq;
    });
    if (!known) abandoned_.push_back(each);
  }
  if (abandoned_.size() > kMostAbandoned) {
    const auto beyond = static_cast<std::ptrdiff_t>(abandoned_.size() - kMostAbandoned);
    abandoned_.erase(abandoned_.begin(), abandoned_.begin() + beyond);
  }
  std::erase_if(slots_, [](const Slot& slot) { return slot.gone; });
  for (Slot& slot : slots_) slot.sent = false;
  was_refused_ = false;
}

void DeliveryOutbox::cursor_learned(std::uint64_t cursor) {
  cursor_ = cursor;
  std::erase_if(abandoned_, [cursor](const Abandoned& each) { return each.number <= cursor; });
  unanswered_ = 0;
  events_ = 0;
  asked_until_.reset();
  quiet_at_.reset();
}

/// All is to be sent again; numbers are given anew, once the node has said where it is.
void DeliveryOutbox::forget_sent() {
  abandon_sent();
  cursor_.reset();
  asked_until_.reset();
  quiet_at_.reset();
}

void DeliveryOutbox::progressed(Monotonic now) {
  silence_ = kFirstSilence;
  pause_ = kRefusalPause;
  alone_ = false;
  refused_alone_ = 0;
  was_refused_ = false;
  for (Slot& slot : slots_) slot.repeat_after = kFirstRepeat;
  resend_at_.reset();
  if (sent_count() > 0) resend_at_ = now + silence_;
}

std::size_t DeliveryOutbox::sent_count() const {
  return static_cast<std::size_t>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.sent; }));
}

}  // namespace relay::engine
