#include "engine/ids.hpp"

#include <algorithm>
#include <charconv>

namespace relay::engine {
namespace {

/// 2025-01-01T00:00:00Z
constexpr std::chrono::milliseconds kEpoch{1735689600000};
constexpr unsigned kTimeShift = 22;
constexpr unsigned kWorkerShift = 12;
constexpr std::uint64_t kMostWorkers = 1024;
constexpr std::uint64_t kMostPerMillisecond = 4096;

std::uint64_t since_epoch(Wall time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()) - kEpoch;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(ms.count(), 0));
}

}  // namespace

IdSource::IdSource(std::uint32_t worker, Id after) : worker_(worker % kMostWorkers) {
  if (after != 0) {
    last_ms_ = after >> kTimeShift;
    count_ = kMostPerMillisecond - 1;
  }
}

Id IdSource::next(Wall now) {
  const std::uint64_t ms = since_epoch(now);
  if (ms > last_ms_) {
    last_ms_ = ms;
    count_ = 0;
  } else if (++count_ == kMostPerMillisecond) {
    ++last_ms_;
    count_ = 0;
  }
  return (last_ms_ << kTimeShift) | (worker_ << kWorkerShift) | count_;
}

Wall time_of(Id id) {
  return Wall(kEpoch + std::chrono::milliseconds(id >> kTimeShift));
}

Id first_id_at(Wall time) {
  return since_epoch(time) << kTimeShift;
}

std::optional<Id> parse_id(std::string_view text) {
  Id id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) return std::nullopt;
  // As it is kept: 63 bits.
  if (id >> 63U != 0) return std::nullopt;
  return id;
}

std::optional<Id> parse_id(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return parse_id(text.substr(prefix.size()));
}

std::uint64_t first_event_number(Wall start) {
  constexpr unsigned kDroppedBits = 10;
  return first_id_at(start) >> kDroppedBits;
}

}  // namespace relay::engine
