#pragma once

#include "base/random.hpp"

namespace relay::os {

/// The kernel's random numbers, good for keys. Throws std::system_error when there are none, which
/// Linux does not let happen after boot.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> into) override;
};

}  // namespace relay::os
