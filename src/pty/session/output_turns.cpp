#include "pty/session/output_turns.hpp"

#include <algorithm>

namespace relay::pty {

Duration OutputTurns::end_of_turn(Place& place, Duration took, std::size_t bytes) {
  const Duration others = spent_ - place.before;
  spent_ += took;
  place.before = spent_;
  return bytes <= kLittleOutput ? Duration::zero() : std::min(others, kLongestRest);
}

}  // namespace relay::pty
