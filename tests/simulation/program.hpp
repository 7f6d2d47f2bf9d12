#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "simulation/timeline.hpp"

namespace relay::simulation {

/// An agent's program in its terminal, which the keeper holds: it outlives the broker. It reads
/// what is typed when it has time, and takes what it has read up to an Enter as one input; a
/// message of several lines is read with the last of them.
class Program {
 public:
  struct Watcher {
    std::function<void()> drained;
    std::function<void()> drawn;
    std::function<void()> exited;
  };
  /// Gets all inputs that have not been understood yet, and takes away what it has understood.
  using Read = std::function<void(std::string& text)>;
  /// The kernel keeps so much of a line that has no end yet, and drops the rest without a word.
  static constexpr std::size_t kMostOfLine = 4095;

  Program(Timeline& timeline, const MachineTime& time, Dice& dice, std::string name,
          std::string generation, bool canonical, Read read)
      : life_(timeline, &time),
        dice_(dice),
        name_(std::move(name)),
        generation_(std::move(generation)),
        canonical_(canonical),
        read_(std::move(read)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& generation() const { return generation_; }
  [[nodiscard]] bool canonical() const { return canonical_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool unread() const { return !typed_.empty(); }
  /// For so long nothing of what waits in the terminal has been read.
  [[nodiscard]] Duration unread_for() const {
    return unread() ? life_.now() - unread_since_ : Duration();
  }
  /// What stands in the terminal up to its last Enter and has not come to the agent.
  [[nodiscard]] std::string entered() const {
    const std::string all = text_ + line_ + typed_;
    const auto end = all.rfind(enter());
    return end == std::string::npos ? std::string() : all.substr(0, end);
  }
  /// Whether the terminal takes bytes now.
  [[nodiscard]] bool takes() const { return life_.now() >= blocked_until_; }

  void watch(const Life& broker, Watcher watcher) {
    watching_ = broker.alive();
    watcher_ = std::move(watcher);
  }
  void unwatch() { watcher_ = {}; }
  [[nodiscard]] Life& life() { return life_; }

  /// It does not read for so long.
  void be_busy(Duration by) { busy_until_ = std::max(busy_until_, life_.now() + by); }
  /// It draws nothing when it reads.
  void be_still(bool still) { still_ = still; }
  /// Nothing can be written for so long.
  void block(Duration by) { blocked_until_ = std::max(blocked_until_, life_.now() + by); }
  [[nodiscard]] Monotonic blocked_until() const { return blocked_until_; }

  /// Now and then the terminal takes only a part of what is written.
  void take_parts() { takes_parts_ = true; }
  /// How many bytes the terminal has taken.
  [[nodiscard]] std::size_t type(const std::string& bytes) {
    if (ended_) return bytes.size();
    const bool in_part = takes_parts_ && dice_.chance(0.1);
    const std::size_t taken = in_part ? dice_.below(bytes.size()) : bytes.size();
    if (typed_.empty()) unread_since_ = life_.now();
    for (std::size_t i = 0; i < taken; ++i) keep(bytes[i]);
    using namespace std::chrono_literals;
    read_at(std::max(life_.now() + dice_.between(0ms, 150ms), busy_until_));
    return taken;
  }

  void exit() {
    if (ended_) return;
    ended_ = true;
    tell(watcher_.exited);
  }

 private:
  [[nodiscard]] char enter() const { return canonical_ ? '\n' : '\r'; }
  void keep(char c) {
    if (!canonical_) {
      typed_ += c;
      return;
    }
    const bool ends = c == enter();
    if (ends || of_line_ < kMostOfLine) typed_ += c;
    of_line_ = ends ? 0 : of_line_ + 1;
  }
  void read_at(Monotonic when) {
    life_.at(when, [this] {
      if (ended_ || typed_.empty()) return;
      if (life_.now() < busy_until_) return read_at(busy_until_);
      line_ += std::exchange(typed_, {});
      for (auto end = line_.find(enter()); end != std::string::npos; end = line_.find(enter())) {
        text_ += line_.substr(0, end) + '\n';
        line_.erase(0, end + 1);
        read_(text_);
        if (ended_) return;
      }
      tell(watcher_.drained);
      if (!still_ && !ended_) tell(watcher_.drawn);
    });
  }
  void tell(std::function<void()> what) {
    if (what && !watching_.expired()) what();
  }

  Life life_;
  Dice& dice_;
  std::string name_;
  std::string generation_;
  bool canonical_;
  Read read_;
  std::weak_ptr<bool> watching_;
  Watcher watcher_;
  std::string typed_;
  std::size_t of_line_ = 0;
  bool takes_parts_ = false;
  std::string line_;
  /// Inputs in which no message has come to its end.
  std::string text_;
  Monotonic unread_since_{};
  Monotonic busy_until_{};
  Monotonic blocked_until_{};
  bool still_ = false;
  bool ended_ = false;
};

}  // namespace relay::simulation
