#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace relay::simulation {

/// Virtual time and what is to happen in it. Of two things at the same time the one that was asked
/// for first comes first, so that a seed is one run on every machine.
class Timeline {
 public:
  using Task = std::function<void()>;

  [[nodiscard]] Monotonic now() const { return now_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  void at(Monotonic when, Task task) {
    heap_.push_back({std::max(when, now_), ++asked_, std::move(task)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  void after(Duration wait, Task task) { at(now_ + wait, std::move(task)); }

  /// The next thing, unless that is behind `end`; false then, and it is `end`.
  bool step(Monotonic end) {
    if (heap_.empty() || heap_.front().when > end) {
      now_ = std::max(now_, end);
      return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Entry next = std::move(heap_.back());
    heap_.pop_back();
    now_ = next.when;
    ++steps_;
    next.task();
    return true;
  }

 private:
  struct Entry {
    Monotonic when;
    std::uint64_t order = 0;
    Task task;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  Monotonic now_{std::chrono::seconds(1000)};
  std::vector<Entry> heap_;
  std::uint64_t asked_ = 0;
  std::uint64_t steps_ = 0;
};

/// The clock of the engine's machine: its monotonic time goes on with the timeline, its wall jumps.
class MachineClock final : public Clock {
 public:
  explicit MachineClock(const Timeline& timeline) : timeline_(timeline) {}
  [[nodiscard]] Monotonic now() const override { return timeline_.now(); }
  [[nodiscard]] Wall wall() const override {
    return Wall(std::chrono::seconds(1'767'225'600)) + timeline_.now().time_since_epoch() + off_;
  }
  void jump(Duration by) { off_ += by; }

 private:
  const Timeline& timeline_;
  Duration off_{};
};

/// The time of one machine, which stands while it sleeps and everybody else goes on.
class MachineTime {
 public:
  explicit MachineTime(const Timeline& timeline) : timeline_(timeline) {}
  [[nodiscard]] Monotonic now() const { return at(timeline_.now()); }
  /// What its clock shows then, unless it falls asleep again.
  [[nodiscard]] Monotonic at(Monotonic when) const {
    return std::max(std::min(when, from_), when - (until_ - from_)) - slept_;
  }
  void sleep_for(Duration by) {
    if (is_asleep()) return;
    slept_ += until_ - from_;
    from_ = timeline_.now();
    until_ = from_ + by;
  }
  [[nodiscard]] bool is_asleep() const { return timeline_.now() < until_; }
  [[nodiscard]] Monotonic awake_from() const { return until_; }

 private:
  const Timeline& timeline_;
  /// In all sleeps before the last one.
  Duration slept_{};
  /// Of the last one.
  Monotonic from_{};
  Monotonic until_{};
};

/// What somebody does later, as long as he lives: a process that has ended does nothing any more.
class Life {
 public:
  /// `time`: of the machine on which he lives, for who lives on one that sleeps.
  explicit Life(Timeline& timeline, const MachineTime* time = nullptr)
      : timeline_(timeline), time_(time) {}
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// By his own clock.
  void at(Monotonic when, Timeline::Task task) {
    run_at(timeline_.now() + (when - now()), when, std::move(task));
  }
  void after(Duration wait, Timeline::Task task) { at(now() + wait, std::move(task)); }
  /// Now, unless he is stopped or asleep.
  void soon(const Timeline::Task& task) {
    is_stopped() ? run_at(goes_on_at(), Monotonic(), task) : task();
  }
  /// He does nothing until then, like a process that is stopped; then everything in its order.
  void stop_until(Monotonic when) { stopped_until_ = std::max(stopped_until_, when); }
  [[nodiscard]] bool is_stopped() const {
    return timeline_.now() < stopped_until_ || (time_ != nullptr && time_->is_asleep());
  }
  /// By his own clock.
  [[nodiscard]] Monotonic stopped_until() const {
    return time_ == nullptr ? stopped_until_ : time_->at(stopped_until_);
  }
  [[nodiscard]] Monotonic now() const { return time_ == nullptr ? timeline_.now() : time_->now(); }
  [[nodiscard]] std::weak_ptr<bool> alive() const { return alive_; }

 private:
  [[nodiscard]] Monotonic goes_on_at() const {
    return time_ == nullptr ? stopped_until_ : std::max(stopped_until_, time_->awake_from());
  }
  /// `when` is by his clock, `real` by everybody's: his may have stood still by then.
  void run_at(Monotonic real, Monotonic when, Timeline::Task task) {
    timeline_.at(real, [this, when, alive = std::weak_ptr<bool>(alive_), task = std::move(task)] {
      if (alive.expired()) return;
      if (is_stopped()) return run_at(goes_on_at(), when, task);
      now() < when ? at(when, task) : task();
    });
  }

  Timeline& timeline_;
  const MachineTime* time_;
  Monotonic stopped_until_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Random choices in the words of a fault model.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] bool chance(double of) { return random_.unit() < of; }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  [[nodiscard]] Duration between(Duration least, Duration most) {
    if (most <= least) return least;
    return least + Duration(static_cast<Duration::rep>(
                       random_.below(static_cast<std::uint64_t>((most - least).count()))));
  }

 private:
  SeededRandom random_;
};

}  // namespace relay::simulation
