#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relay {

/// Where every random bit comes from: keys, ids, masks and jitter (real), or a seed (tests).
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> into) = 0;

  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound); bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1).
  [[nodiscard]] double unit();
};

/// The same numbers for the same seed, on every machine (SplitMix64). For tests and simulations
/// only.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::byte> into) override;

 private:
  std::uint64_t step();
  std::uint64_t state_;
};

}  // namespace relay
