#include "node_control/mailbox.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace relay::node_control {

Mailbox::Mailbox(std::string agent_id, std::string agent_name, const MailboxPolicy& policy,
                 DeliveryCounters& counters)
    : agent_id_(std::move(agent_id)),
      agent_name_(std::move(agent_name)),
      policy_(policy),
      counters_(counters) {}

Mailbox::Mailbox(std::string agent_id, std::string agent_name, const MailboxPolicy& policy,
                 DeliveryCounters& counters, const MailboxState& state, Monotonic now)
    : Mailbox(std::move(agent_id), std::move(agent_name), policy, counters) {
  placed_ = state.placed;
  cursor_ = state.cursor;
  adopted_ = state.adopted;
  forgotten_up_to_ = state.forgotten_up_to;
  holes_ = state.holes;
  for (const auto& saved : state.rows) {
    Row row;
    row.phase = saved.finished ? Phase::finished : Phase::open;
    row.mark = saved.mark;
    row.bytes = saved.finished ? 0 : saved.bytes;
    row.since = now;
    bytes_ += row.bytes;
    ++frames_;
    rows_.insert_or_assign(saved.seq, std::move(row));
  }
  for (const auto& saved : state.open_ephemeral) {
    open_ephemeral_.emplace(saved.mark, saved.bytes);
    bytes_ += saved.bytes;
    ++frames_;
  }
  for (const auto& entry : state.recent) recent_.add(entry.mark, entry.seq);
  for (const auto& entry : state.recent_ephemeral) recent_ephemeral_.add(entry.mark, 0);
  set_shown_to_last_row();
}

Verdict Mailbox::receive(Monotonic now, const Link& link, Delivery frame, DeliveryEffects& out) {
  state_.reset();
  const std::uint64_t mark = mark_of(frame.delivery_id);
  const std::uint64_t seq = frame.seq;
  if (seq == 0) return receive_ephemeral(std::move(frame), mark, out);

  const auto known = rows_.find(seq);
  if (known != rows_.end()) {
    if (known->second.mark == mark) {
      if (known->second.phase == Phase::finished) acknowledge(out);
      return Verdict::duplicate;
    }
    start_over(out);
  }
  if (placed_ && seq <= cursor_) {
    return receive_below_cursor(now, link, std::move(frame), mark, out);
  }
  if (placed_ && seq <= shown_) return take_late(now, link, std::move(frame), mark, out);
  return take_new(now, link, std::move(frame), mark, out);
}

Verdict Mailbox::receive_ephemeral(Delivery frame, std::uint64_t mark, DeliveryEffects& out) {
  if (recent_ephemeral_.contains(mark)) {
    acknowledge(out);
    return Verdict::duplicate;
  }
  const std::size_t bytes = frame.payload.size();
  if (!has_room(bytes)) return Verdict::queue_full;
  recent_ephemeral_.add(mark, 0);
  open_ephemeral_.emplace(mark, bytes);
  ++frames_;
  bytes_ += bytes;
  ++counters_.surfaced;
  frame.agent_id = agent_id_;
  frame.agent_name = agent_name_;
  out.actions.emplace_back(Surface{std::move(frame), false});
  return Verdict::surfaced;
}

Verdict Mailbox::receive_below_cursor(Monotonic now, const Link& link, Delivery frame,
                                      std::uint64_t mark, DeliveryEffects& out) {
  if (!recent_.contains(mark)) {
    const auto in_hole = std::any_of(holes_.begin(), holes_.end(), [&](const SeqRange& hole) {
      return hole.first <= frame.seq && frame.seq <= hole.last;
    });
    if (in_hole) return take_late(now, link, std::move(frame), mark, out);
    if (frame.seq > forgotten_up_to_) {
      // Every id that was finished in this part is known and this is none of them.
      start_over(out);
      return take_new(now, link, std::move(frame), mark, out);
    }
  }
  acknowledge(out);
  return Verdict::stale;
}

/// A number among those already passed that nobody has seen: skipped, or given back by the
/// injector.
Verdict Mailbox::take_late(Monotonic now, const Link& link, Delivery frame, std::uint64_t mark,
                           DeliveryEffects& out) {
  const std::uint64_t seq = frame.seq;
  const bool finished = recent_.contains(mark);
  // What the cursor waits for is taken above the bound, or a full mailbox would stay full. What is
  // refused exists, so it is no hole.
  const auto first = rows_.upper_bound(cursor_);
  const bool lowest = first == rows_.end() || seq < first->first;
  const bool exempt = finished || (lowest && frames_ < 2 * policy_.most_frames + kMostExempt);
  if (!exempt && !make_room(seq, frame.payload.size())) {
    if (!lowest) rows_.upper_bound(seq)->second.since = now;
    return Verdict::queue_full;
  }
  if (seq <= cursor_) take_from_hole(seq);
  Row row;
  row.mark = mark;
  row.bytes = frame.payload.size();
  // What is still missing below it is missing for as long as it was.
  const auto above = rows_.upper_bound(seq);
  row.since = above != rows_.end() ? above->second.since : now;
  row.delivery_id = std::move(frame.delivery_id);
  row.payload = std::move(frame.payload);
  auto& placed = rows_.emplace(seq, std::move(row)).first->second;
  ++frames_;
  bytes_ += placed.bytes;
  show(seq, placed, true, out);
  advance(now, link, out);
  return finished ? Verdict::duplicate : Verdict::surfaced;
}

Verdict Mailbox::take_new(Monotonic now, const Link& link, Delivery frame, std::uint64_t mark,
                          DeliveryEffects& out) {
  const std::uint64_t seq = frame.seq;
  if (!placed_ && seq == 1) place_at(0);
  if (!make_room(seq, frame.payload.size())) return Verdict::queue_full;
  Row row;
  row.mark = mark;
  row.bytes = frame.payload.size();
  row.since = now;
  row.delivery_id = std::move(frame.delivery_id);
  row.payload = std::move(frame.payload);
  ++frames_;
  bytes_ += row.bytes;
  rows_.emplace(seq, std::move(row));
  show_ready(now, out);
  advance(now, link, out);
  if (!placed_ || seq > shown_) {
    // A gap is asked for when it opens; an older one may be a hole for good.
    const bool opens_gap = rows_.rbegin()->first == seq && !rows_.contains(seq - 1);
    if (opens_gap) out.want_resync(now);
    return Verdict::held;
  }
  return recent_.contains(mark) ? Verdict::duplicate : Verdict::surfaced;
}

bool Mailbox::has_room(std::size_t bytes) const {
  // One frame is always taken, or one too large for an empty mailbox would be sent for ever.
  if (frames_ == 0) return true;
  return frames_ < policy_.most_frames && bytes_ + bytes <= policy_.most_bytes;
}

bool Mailbox::make_room(std::uint64_t seq, std::size_t bytes) {
  while (!has_room(bytes)) {
    refused_ = true;
    if (rows_.empty()) return false;
    const auto highest = std::prev(rows_.end());
    if (highest->second.phase != Phase::held || highest->first < seq) return false;
    drop(highest);
  }
  return true;
}

/// Surfaces what is next in order.
void Mailbox::show_ready(Monotonic now, DeliveryEffects& out) {
  if (!placed_) return;
  for (auto row = rows_.upper_bound(shown_); row != rows_.end() && row->first == shown_ + 1;
       ++row) {
    row->second.since = now;
    shown_ = row->first;
    show(row->first, row->second, false, out);
  }
}

void Mailbox::show(std::uint64_t seq, Row& row, bool late, DeliveryEffects& out) {
  if (recent_.contains(row.mark)) {
    // Finished under another number.
    row.phase = Phase::finished;
    bytes_ -= row.bytes;
    row.bytes = 0;
    row.payload.clear();
    return;
  }
  row.phase = Phase::open;
  ++counters_.surfaced;
  if (late) ++counters_.late;
  Delivery delivery;
  delivery.agent_id = agent_id_;
  delivery.agent_name = agent_name_;
  delivery.delivery_id = std::move(row.delivery_id);
  delivery.seq = seq;
  delivery.payload = std::move(row.payload);
  row.delivery_id.clear();
  row.payload.clear();
  out.actions.emplace_back(Surface{std::move(delivery), late});
}

/// Moves the cursor over what is finished and over holes that were open long enough.
void Mailbox::advance(Monotonic now, const Link& link, DeliveryEffects& out) {
  if (!placed_) return;
  const std::uint64_t before = cursor_;
  auto row = rows_.upper_bound(cursor_);
  while (row != rows_.end() && row->first <= shown_) {
    if (row->first != cursor_ + 1) {
      const bool waited = link.up && !is_away_ &&
                          now >= std::max(row->second.since, link.since) + policy_.hole_wait;
      if (!waited) break;
      remember_hole(SeqRange{cursor_ + 1, row->first - 1});
      cursor_ = row->first - 1;
    }
    if (row->second.phase != Phase::finished) break;
    cursor_ = row->first;
    row = drop(row);
  }
  if (cursor_ == before) return;
  acknowledge(out);
  room_was_made(now, out);
}

void Mailbox::acknowledge(DeliveryEffects& out) const {
  if (!placed_ || cursor_ <= adopted_ || agent_name_.empty()) return;
  out.actions.emplace_back(Ack{agent_id_, agent_name_, cursor_});
}

void Mailbox::finish(Monotonic now, const Link& link, std::uint64_t seq, std::uint64_t mark,
                     DeliveryEffects& out) {
  state_.reset();
  if (seq == 0) {
    const auto open = open_ephemeral_.find(mark);
    if (open == open_ephemeral_.end()) {
      ++counters_.stray_outcomes;
      return;
    }
    bytes_ -= open->second;
    --frames_;
    open_ephemeral_.erase(open);
    acknowledge(out);
    room_was_made(now, out);
    return;
  }
  const auto row = rows_.find(seq);
  if (row == rows_.end() || row->second.mark != mark || row->second.phase != Phase::open) {
    ++counters_.stray_outcomes;
    return;
  }
  failures_in_a_row_ = 0;
  remember(mark, seq);
  row->second.phase = Phase::finished;
  bytes_ -= row->second.bytes;
  row->second.bytes = 0;
  if (seq <= cursor_) {
    drop(row);
  } else {
    advance(now, link, out);
  }
  room_was_made(now, out);
}

void Mailbox::fail(Monotonic now, const Link& link, std::uint64_t seq,
                   const std::string& delivery_id, DeliveryEffects& out) {
  state_.reset();
  const std::uint64_t mark = mark_of(delivery_id);
  const bool known = seq == 0 ? open_ephemeral_.contains(mark)
                              : rows_.contains(seq) && rows_.at(seq).mark == mark &&
                                    rows_.at(seq).phase == Phase::open;
  if (!known) {
    ++counters_.stray_outcomes;
    return;
  }
  if (seq == 0 || seq <= cursor_) {
    out.actions.emplace_back(DeadLetter{Delivery{agent_id_, agent_name_, delivery_id, seq, {}},
                                        DeadReason::not_repeated});
    finish(now, link, seq, mark, out);
    return;
  }
  const auto above = drop(rows_.find(seq));
  if (above != rows_.end()) above->second.since = now;
  set_shown_to_last_row();
  const int doublings = std::min(failures_in_a_row_++, 6);
  out.want_resync(now + std::min(policy_.last_retry, policy_.first_retry * (1 << doublings)));
  room_was_made(now, out);
}

void Mailbox::seed(Monotonic now, const Link& link, std::uint64_t engine_cursor,
                   DeliveryEffects& out) {
  state_.reset();
  if (!placed_) {
    place_at(engine_cursor);
    while (!rows_.empty() && rows_.begin()->first <= engine_cursor) drop(rows_.begin());
  } else if (engine_cursor > cursor_) {
    // Someone else has finished these; what the injector holds of them it keeps.
    for (auto row = rows_.upper_bound(cursor_);
         row != rows_.end() && row->first <= engine_cursor;) {
      row = row->second.phase == Phase::open ? std::next(row) : drop(row);
    }
    cursor_ = engine_cursor;
    shown_ = std::max(shown_, engine_cursor);
    forgotten_up_to_ = std::max(forgotten_up_to_, engine_cursor);
  } else if (engine_cursor < cursor_) {
    acknowledge(out);
  }
  show_ready(now, out);
  advance(now, link, out);
}

void Mailbox::listed(Monotonic now, bool is_in) {
  const bool is_back = std::exchange(is_away_, !is_in) && is_in;
  if (!is_back) return;
  for (auto& [seq, row] : rows_) row.since = now;
}

void Mailbox::on_time(Monotonic now, const Link& link, DeliveryEffects& out) {
  if (!link.up) return;
  state_.reset();
  while (true) {
    const auto held = placed_ ? rows_.upper_bound(shown_) : rows_.begin();
    if (held == rows_.end()) break;
    const Duration wait = placed_ ? policy_.gap_wait : policy_.adopt_wait;
    if (now < std::max(held->second.since, link.since) + wait) break;
    const std::uint64_t last_missing = held->first - 1;
    if (!placed_) {
      place_at(last_missing);
      adopted_ = last_missing;
      if (last_missing > 0) remember_hole(SeqRange{1, last_missing});
    } else {
      ++counters_.skipped;
      out.actions.emplace_back(Skipped{agent_id_, agent_name_, shown_ + 1, last_missing});
      shown_ = last_missing;
    }
    show_ready(now, out);
  }
  advance(now, link, out);
}

std::optional<Monotonic> Mailbox::next_deadline(const Link& link) const {
  if (!link.up || rows_.empty()) return std::nullopt;
  std::optional<Monotonic> deadline;
  const auto held = placed_ ? rows_.upper_bound(shown_) : rows_.begin();
  if (held != rows_.end()) {
    deadline = std::max(held->second.since, link.since) +
               (placed_ ? policy_.gap_wait : policy_.adopt_wait);
  }
  const auto first = rows_.upper_bound(cursor_);
  if (placed_ && !is_away_ && first != rows_.end() && first->first <= shown_ &&
      first->first != cursor_ + 1) {
    const Monotonic given_up = std::max(first->second.since, link.since) + policy_.hole_wait;
    deadline = deadline ? std::min(*deadline, given_up) : given_up;
  }
  return deadline;
}

void Mailbox::forget_unfinished(Monotonic now) {
  state_.reset();
  for (auto row = rows_.begin(); row != rows_.end();) {
    row->second.since = now;
    if (row->second.phase == Phase::finished) {
      ++row;
      continue;
    }
    if (row->first <= cursor_) remember_hole(SeqRange{row->first, row->first});
    row = drop(row);
  }
  for (const auto& [mark, bytes] : open_ephemeral_) bytes_ -= bytes;
  frames_ -= open_ephemeral_.size();
  open_ephemeral_.clear();
  refused_ = false;
  failures_in_a_row_ = 0;
  set_shown_to_last_row();
}

const Shared<MailboxState>& Mailbox::state() const {
  if (state_) return *state_;
  MailboxState state;
  state.placed = placed_;
  state.cursor = cursor_;
  state.adopted = adopted_;
  state.forgotten_up_to = forgotten_up_to_;
  for (const auto& [seq, row] : rows_) {
    if (row.phase == Phase::held) continue;
    state.rows.push_back({seq, row.mark, row.bytes, row.phase == Phase::finished});
  }
  for (const auto& [mark, bytes] : open_ephemeral_) {
    state.open_ephemeral.push_back({0, mark, bytes, false});
  }
  state.holes = holes_;
  state.recent.assign(recent_.oldest_first().begin(), recent_.oldest_first().end());
  state.recent_ephemeral.assign(recent_ephemeral_.oldest_first().begin(),
                                recent_ephemeral_.oldest_first().end());
  return state_.emplace(std::move(state));
}

/// The engine counts anew. What was finished is still known by its id.
void Mailbox::start_over(DeliveryEffects& out) {
  ++counters_.renumbered;
  out.actions.emplace_back(Renumbered{agent_id_});
  while (!rows_.empty()) drop(rows_.begin());
  holes_.clear();
  placed_ = false;
  cursor_ = 0;
  shown_ = 0;
  adopted_ = 0;
  forgotten_up_to_ = 0;
}

void Mailbox::place_at(std::uint64_t cursor) {
  placed_ = true;
  cursor_ = cursor;
  shown_ = cursor;
  forgotten_up_to_ = cursor;
}

void Mailbox::remember_hole(SeqRange hole) {
  holes_.push_back(hole);
  if (holes_.size() <= kMostHoles) return;
  forgotten_up_to_ = std::max(forgotten_up_to_, holes_.front().last);
  holes_.erase(holes_.begin());
}

bool Mailbox::take_from_hole(std::uint64_t seq) {
  for (auto& hole : holes_) {
    if (seq < hole.first || seq > hole.last) continue;
    const SeqRange above{seq + 1, hole.last};
    hole.last = seq - 1;
    if (hole.first > hole.last) {
      hole = above;
    } else if (above.first <= above.last) {
      remember_hole(above);
    }
    std::erase_if(holes_, [](const SeqRange& range) { return range.first > range.last; });
    return true;
  }
  return false;
}

void Mailbox::remember(std::uint64_t mark, std::uint64_t seq) {
  const auto evicted = recent_.add(mark, seq);
  if (evicted) forgotten_up_to_ = std::max(forgotten_up_to_, *evicted);
}

Mailbox::Rows::iterator Mailbox::drop(Rows::iterator row) {
  bytes_ -= row->second.bytes;
  --frames_;
  return rows_.erase(row);
}

/// Everything above the last row that was surfaced is still to come.
void Mailbox::set_shown_to_last_row() {
  shown_ = cursor_;
  for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
    if (row->second.phase == Phase::held) continue;
    shown_ = std::max(shown_, row->first);
    return;
  }
}

void Mailbox::room_was_made(Monotonic now, DeliveryEffects& out) {
  if (!refused_ || frames_ > policy_.most_frames / 2 || bytes_ > policy_.most_bytes / 2) return;
  refused_ = false;
  out.want_resync(now);
}

}  // namespace relay::node_control
