#include "broker/event_log.hpp"

#include "base/clock.hpp"

namespace relay::broker {

void EventLog::Kept::add(Entry entry, std::size_t most, std::size_t most_bytes) {
  bytes += entry.json.size();
  entries.push_back(std::move(entry));
  while (entries.size() > most || (bytes > most_bytes && entries.size() > 1)) {
    bytes -= entries.front().json.size();
    entries.pop_front();
  }
}

void EventLog::Kept::clear() {
  entries.clear();
  bytes = 0;
}

const EventLog::Kept::Entry* EventLog::Kept::after(std::uint64_t seen) const {
  if (entries.empty() || entries.back().number <= seen) return nullptr;
  const std::uint64_t first = entries.front().number;
  return seen < first ? &entries.front() : &entries[static_cast<std::size_t>(seen + 1 - first)];
}

EventLog::EventLog(asio::any_io_executor executor) : changed_(std::move(executor)) {}

void EventLog::keep(bool durable, std::string json) {
  Kept::Entry entry;
  entry.position = ++positions_;
  entry.json = std::move(json);
  if (durable) {
    entry.number = ++last_;
    durable_.add(std::move(entry), kMost, kMostBytes);
  } else {
    entry.number = ++last_ephemeral_;
    ephemeral_.add(std::move(entry), kMostEphemeral, kMostEphemeralBytes);
  }
  changed_.notify();
}

EventLog::Replay EventLog::gap_after(std::uint64_t since) const {
  Replay replay;
  replay.oldest = durable_.entries.empty() ? since : durable_.entries.front().number;
  replay.gap = since > last_ || since + 1 < replay.oldest;
  return replay;
}

EventLog::Replay EventLog::since(std::uint64_t since) const {
  Replay replay = gap_after(since);
  for (auto* next = durable_.after(since); next; next = durable_.after(next->number)) {
    replay.events.push_back(Event{next->number, next->json});
  }
  return replay;
}

EventLog::Watcher::Watcher(EventLog& log) : Watcher(log, log.last_) {}

EventLog::Watcher::Watcher(EventLog& log, std::uint64_t since)
    : log_(log), durable_at_(since), ephemeral_at_(log.last_ephemeral_) {
  ++log_.watchers_;
  // What is lost at the start is the replay's gap, which the caller has asked for; a number from
  // another life of this broker would hold back events of this one.
  const Replay start = log.gap_after(since);
  if (since > log.last_) {
    durable_at_ = log.last_;
  } else if (start.gap) {
    durable_at_ = start.oldest - 1;
  }
}

EventLog::Watcher::~Watcher() {
  if (--log_.watchers_ == 0) log_.ephemeral_.clear();
}

std::vector<EventLog::Event> EventLog::Watcher::take() {
  std::vector<Event> events;
  std::size_t bytes = 0;
  while (events.size() < kMostAtOnce && bytes < kMostBytesAtOnce) {
    const auto* durable = log_.durable_.after(durable_at_);
    const auto* ephemeral = log_.ephemeral_.after(ephemeral_at_);
    if (!durable && !ephemeral) break;
    const bool is_durable = durable && (!ephemeral || durable->position < ephemeral->position);
    const auto& entry = is_durable ? *durable : *ephemeral;
    auto& at = is_durable ? durable_at_ : ephemeral_at_;
    missed_ += entry.number - at - 1;
    at = entry.number;
    bytes += entry.json.size();
    events.push_back(Event{is_durable ? entry.number : 0, entry.json});
  }
  return events;
}

asio::awaitable<Result<std::vector<EventLog::Event>>> EventLog::Watcher::next(Duration at_most) {
  const auto deadline = SystemClock().now() + at_most;
  auto events = take();
  while (events.empty()) {
    const auto left = deadline - SystemClock().now();
    if (left <= Duration::zero()) co_return fail(Code::timeout, "nothing has happened");
    co_await log_.changed_.wait(left);
    events = take();
  }
  co_return events;
}

}  // namespace relay::broker
