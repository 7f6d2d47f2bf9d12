#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace relay::pty {

/// Several programs that print without end take turns on one loop. Whoever prints much lets the
/// loop go on for as long as the turns of the others took since its own last one: then a message,
/// which comes back to the loop some ten times on its way, meets a turn now and then, and not one
/// of each program at every step. A program that prints alone never waits. Shared by the sessions
/// of one loop; knows no clock.
class OutputTurns {
 public:
  /// What one session remembers; zero for one that has had no turn.
  struct Place {
    Duration before{};
  };

  /// A turn is over, in which so much was read. How long this output is left alone, at most
  /// kLongestRest: zero when it was little, or when nobody else had a turn.
  [[nodiscard]] Duration end_of_turn(Place& place, Duration took, std::size_t bytes);

 private:
  /// What all turns took.
  Duration spent_{};
};

/// What a person would not see; also what somebody waits who has printed for the first time after
/// a long while.
inline constexpr Duration kLongestRest = std::chrono::milliseconds(5);
/// A prompt, an echo, a line: whoever prints no more than this is no flood.
inline constexpr std::size_t kLittleOutput = 2048;

}  // namespace relay::pty
