#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "wire/stream_events.hpp"

namespace relay::engine {

/// What who watches a workspace is told, numbered, with the last of it for those who come back.
/// Numbers begin above those of every process before, so that a watcher of then sees that there is
/// a gap. Pure.
class StreamFeed {
 public:
  static constexpr std::size_t kKept = 500;

  explicit StreamFeed(Wall start);

  /// The event as text, with the next number.
  const std::string& add(wire::StreamMessageToClient event);

  struct Replay {
    std::vector<std::string> events;
    std::uint64_t current = 0;
    /// Something behind that number is not kept any more, or it is of no number that was given.
    bool gap = false;
  };
  [[nodiscard]] Replay behind(std::uint64_t last_seen) const;

 private:
  std::uint64_t current_;
  std::deque<std::string> kept_;
};

}  // namespace relay::engine
