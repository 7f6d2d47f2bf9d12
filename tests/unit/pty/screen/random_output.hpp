#pragma once

#include <string>

#include "base/random.hpp"

namespace relay::pty::test {

/// Output as programs write it, from a seed: text of all widths, colours, and every sequence that
/// moves, erases, inserts, deletes or scrolls, for a screen of about this size.
class RandomOutput {
 public:
  /// `common`: only what all terminals do alike. Else also rarer things: modes, character sets,
  /// titles, sequences that are cut short, bytes that are not UTF-8.
  RandomOutput(std::uint64_t seed, bool common) : random_(seed), common_(common) {}

  [[nodiscard]] std::string next(int pieces, int rows, int columns);

 private:
  [[nodiscard]] int below(int bound) {
    return static_cast<int>(random_.below(static_cast<std::uint64_t>(bound)));
  }
  [[nodiscard]] std::string word();
  [[nodiscard]] std::string style();
  [[nodiscard]] std::string edit(int rows, int columns);
  [[nodiscard]] std::string rare();

  SeededRandom random_;
  bool common_;
  bool alternate_ = false;
};

}  // namespace relay::pty::test
