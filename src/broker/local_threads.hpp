#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace relay::broker {

/// What was sent from this machine, by conversation: the last `kMost` messages, in memory only.
class LocalThreads {
 public:
  static constexpr std::size_t kMost = 1000;
  /// Bytes of a message that a preview shows.
  static constexpr std::size_t kPreview = 200;

  /// `thread_id` may be empty: then it is the conversation with a channel ('#') or of two.
  void add(Wall at, const std::string& from, const std::string& to, const std::string& thread_id,
           const std::string& text);

  struct Thread {
    /// "#general", "direct:a:b" with the names in order, or the id that it was given.
    std::string id;
    std::string name;
    /// At most kPreview bytes, "..." behind what was cut.
    std::string last_message;
    Wall last_at{};
  };
  /// The newest first.
  [[nodiscard]] std::vector<Thread> list() const;

 private:
  std::deque<Thread> sent_;
};

}  // namespace relay::broker
