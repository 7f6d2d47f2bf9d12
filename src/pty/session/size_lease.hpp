#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"

namespace relay::pty {

struct SizeRequest {
  /// Whose terminal it is; empty for a program's own call, which owns nothing.
  std::string viewer;
  unsigned columns = 0;
  unsigned rows = 0;
  /// The viewer goes away: its size, if it names one, is applied first.
  bool release = false;
};

struct SizeAnswer {
  /// The terminal is to have the size that was asked for.
  bool apply = false;
  bool released = false;
  /// Why not, for the viewer: "invalid_dimensions", "not_resize_owner", "unchanged". Empty when it
  /// applies.
  const char* reason = "";
};

/// Which of several viewers decides how large the terminal is. Pure. The first that names itself
/// owns the size until it goes away or is silent; others are refused, so that two windows never
/// pull a program to and fro.
class SizeLease {
 public:
  /// An owner that has said nothing for this long may be replaced. Owners repeat their size as a
  /// sign of life.
  static constexpr Duration kSilence = std::chrono::seconds(300);
  /// Rows or columns that a terminal can have.
  static constexpr unsigned kMost = 0xFFFF;

  [[nodiscard]] SizeAnswer ask(Monotonic now, const SizeRequest& request);
  [[nodiscard]] bool owned() const { return owner_.has_value(); }

 private:
  struct Owner {
    std::string viewer;
    unsigned columns = 0;
    unsigned rows = 0;
    Monotonic seen{};
  };
  std::optional<Owner> owner_;
};

}  // namespace relay::pty
