#include "base/random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace relay {

std::uint64_t Random::next() {
  std::array<std::byte, sizeof(std::uint64_t)> bytes{};
  fill(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t Random::below(std::uint64_t bound) {
  if (bound == 0) throw std::logic_error("Random::below: empty range");
  // Draw again above the last whole multiple, so that no value is likelier than another.
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t limit = last - (last % bound + 1) % bound;
  std::uint64_t drawn = next();
  while (drawn > limit) drawn = next();
  return drawn % bound;
}

double Random::unit() {
  return static_cast<double>(next() >> 11U) * 0x1.0p-53;
}

void SeededRandom::fill(std::span<std::byte> into) {
  while (!into.empty()) {
    const std::uint64_t drawn = step();
    const std::size_t n = std::min(into.size(), sizeof drawn);
    std::memcpy(into.data(), &drawn, n);
    into = into.subspan(n);
  }
}

std::uint64_t SeededRandom::step() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

}  // namespace relay
