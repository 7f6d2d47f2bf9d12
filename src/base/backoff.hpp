#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace relay {

/// How long to wait between tries. Full jitter: each wait is uniform in (0, ceiling], and the
/// ceiling doubles from `first` to `most`, so that a thousand clients of a restarted engine do not
/// come back at once.
class Backoff {
 public:
  Backoff(Duration first, Duration most, Duration healthy_after, Random& random);

  /// The wait before the next try.
  [[nodiscard]] Duration next();
  /// Tell how long the last connection lived: one of at least `healthy_after` starts the row anew.
  void lived(Duration for_how_long);
  void reset() { ceiling_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration healthy_after_;
  Duration ceiling_;
  Random& random_;
};

}  // namespace relay
