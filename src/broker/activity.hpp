#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "broker/agent_view.hpp"
#include "pty/injection/readiness.hpp"

namespace relay::broker {

/// What an agent does, from what its terminal shows. Pure.
class Activity {
 public:
  explicit Activity(Duration idle_after) : idle_after_(idle_after) {}

  /// What has changed for those who watch.
  enum class Change { none, ready, idle };

  /// There is more output.
  void output(Monotonic now, Wall wall);
  /// `ready` once in a program's life: it can be talked to.
  [[nodiscard]] Change readiness(pty::Readiness readiness, std::string blocked_by);
  /// `idle` once in each silence.
  [[nodiscard]] Change on_time(Monotonic now);
  /// When the agent becomes idle if nothing comes.
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;
  void exited() { exited_ = true; }
  /// Another program takes its place.
  void start(Monotonic now, Wall wall);

  [[nodiscard]] AgentState state() const;
  [[nodiscard]] const std::string& blocked_by() const { return blocked_by_; }
  [[nodiscard]] bool was_ready() const { return was_ready_; }
  [[nodiscard]] Duration quiet(Monotonic now) const { return now - last_; }
  [[nodiscard]] Wall last() const { return last_wall_; }

 private:
  Duration idle_after_;
  Monotonic last_{};
  Wall last_wall_{};
  pty::Readiness readiness_ = pty::Readiness::booting;
  std::string blocked_by_;
  bool was_ready_ = false;
  bool moved_ = false;
  bool idle_ = false;
  bool exited_ = false;
};

}  // namespace relay::broker
