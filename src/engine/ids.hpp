#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace relay::engine {

/// What names a workspace, agent, channel, message and most other things: milliseconds since 2025,
/// the process that made it, a counter. Larger is younger. On the wire it is a decimal string. 0 is
/// no id.
using Id = std::uint64_t;

/// Makes ids that only rise, also when the clock goes back or more than 4,096 are made in a
/// millisecond (then they run ahead of it).
class IdSource {
 public:
  /// `worker` tells processes apart, 10 bits of it; no id is made that is not above `after`.
  IdSource(std::uint32_t worker, Id after);
  [[nodiscard]] Id next(Wall now);

 private:
  std::uint64_t worker_;
  std::uint64_t last_ms_ = 0;
  std::uint64_t count_ = 0;
};

/// When the id was made, to the millisecond.
[[nodiscard]] Wall time_of(Id id);
/// The smallest id that can be made at that time: what is older is below it. 0 before 2025.
[[nodiscard]] Id first_id_at(Wall time);

/// The digits of an id; nothing for any other text.
[[nodiscard]] std::optional<Id> parse_id(std::string_view text);
/// The id behind a prefix: parse_id("act_17", "act_").
[[nodiscard]] std::optional<Id> parse_id(std::string_view text, std::string_view prefix);

/// Events that are numbered from then on: above all that began earlier, exact in JavaScript, and
/// with room for 4,096 in each millisecond between two beginnings.
[[nodiscard]] std::uint64_t first_event_number(Wall start);

}  // namespace relay::engine
