// Internal to pty/.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace relay::pty {

/// The stack of kitty keyboard flags of one screen; the oldest is lost when it is full.
class KittyKeyboard {
 public:
  [[nodiscard]] std::uint8_t flags() const { return depth_ == 0 ? 0 : stack_[depth_ - 1]; }

  void push(int flags) {
    if (depth_ == 0) stack_[depth_++] = 0;
    if (depth_ == stack_.size()) {
      std::copy(stack_.begin() + 1, stack_.end(), stack_.begin());
      --depth_;
    }
    stack_[depth_++] = masked(flags);
  }

  void pop(int count) { depth_ -= std::min(depth_, static_cast<std::size_t>(count)); }

  /// `how` as in `CSI = flags ; how u`: 1 set, 2 add, 3 remove.
  void change(int flags, int how) {
    if (depth_ == 0) stack_[depth_++] = 0;
    std::uint8_t& top = stack_[depth_ - 1];
    if (how == 1) top = masked(flags);
    if (how == 2) top = static_cast<std::uint8_t>(top | masked(flags));
    if (how == 3) top = static_cast<std::uint8_t>(top & ~masked(flags));
  }

 private:
  static std::uint8_t masked(int flags) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(flags) & 0x1FU);
  }

  std::array<std::uint8_t, 16> stack_{};
  std::size_t depth_ = 0;
};

}  // namespace relay::pty
