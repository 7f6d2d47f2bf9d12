#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/result.hpp"
#include "simulation/timeline.hpp"

namespace relay::simulation {

/// One writer of one disk: jobs wait, those that wait share a commit, and each is answered when it
/// is durable, a moment later. What a job does is done at its commit and not before, so a crash
/// loses what was not committed. A commit that fails may have been written all the same.
class Disk {
 public:
  struct Job {
    std::function<void()> apply;
    std::function<void(Result<void>)> answer;
  };

  Disk(Life& life, Dice& dice) : life_(life), dice_(dice) {}

  void run(Job job) {
    waiting_.push_back(std::move(job));
    if (!busy_) begin();
  }
  /// Commits fail for so long.
  void fail_for(Duration by) { fails_until_ = life_.now() + by; }
  void be_slow_for(Duration by) { slow_until_ = life_.now() + by; }

  /// The process is killed: what was being committed may have come to its end.
  void killed() {
    if (writing_.empty() || !dice_.chance(0.5)) return;
    const auto writing = std::exchange(writing_, {});
    for (const auto& job : writing) job.apply();
  }

 private:
  void begin() {
    using namespace std::chrono_literals;
    busy_ = true;
    writing_ = std::exchange(waiting_, {});
    const bool slow = life_.now() < slow_until_;
    life_.after(slow ? dice_.between(100ms, 9s) : dice_.between(50us, 12ms), [this] { commit(); });
  }
  void commit() {
    using namespace std::chrono_literals;
    auto jobs = std::exchange(writing_, {});
    const bool fails = life_.now() < fails_until_;
    const bool applies = !fails || dice_.chance(0.2);
    if (applies) {
      for (const auto& job : jobs) job.apply();
    }
    life_.after(dice_.between(0us, 500us), [this, fails, jobs = std::move(jobs)] {
      const auto alive = life_.alive();
      for (const auto& job : jobs) {
        if (alive.expired()) return;
        job.answer(fails ? Result<void>(fail(Code::io_error, "the disk fails")) : Result<void>());
      }
      if (alive.expired()) return;
      busy_ = false;
      if (!waiting_.empty()) begin();
    });
  }

  Life& life_;
  Dice& dice_;
  std::vector<Job> waiting_;
  std::vector<Job> writing_;
  bool busy_ = false;
  Monotonic fails_until_{};
  Monotonic slow_until_{};
};

}  // namespace relay::simulation
