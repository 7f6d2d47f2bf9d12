#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/stream_filter.hpp"
#include "wire/stream_events.hpp"

namespace relay::engine {

/// What who watches a workspace is told, numbered, with the last of it for those who come back.
/// What is in the log of the workspace has its number there; without a log numbers begin above
/// those of every process before, so that a watcher of then sees that there is a gap. Pure.
class StreamFeed {
 public:
  static constexpr std::size_t kKept = 500;

  explicit StreamFeed(Wall start);

  struct Told {
    std::uint64_t seq = 0;
    StreamFacts facts;
    /// With its number.
    std::string text;
  };
  /// The next one; valid until another is added.
  const Told& add(StreamNews news);

  struct Replay {
    std::vector<std::string> events;
    std::uint64_t current = 0;
    /// Something behind that number is not kept any more, or it is of no number that was given.
    bool gap = false;
  };
  /// Of those that the filter shows.
  [[nodiscard]] Replay behind(std::uint64_t last_seen, const StreamFilter& filter) const;

 private:
  std::uint64_t current_;
  /// Behind it all is kept.
  std::uint64_t before_;
  std::deque<Told> kept_;
};

}  // namespace relay::engine
