#pragma once

#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "fake_tui.hpp"
#include "pty/injection/injection.hpp"
#include "pty/injection/profile_file.hpp"

namespace relay::pty {

inline Profile claude() {
  const auto all = builtin_profiles();
  return profile_for(all, "claude");
}

inline InjectionItem item(std::uint64_t id, std::string text = {}) {
  InjectionItem out;
  out.id = id;
  out.text = text.empty()
                 ? "Relay message " + std::to_string(id) + " [end " + std::to_string(id) + "]"
                 : std::move(text);
  return out;
}

/// The core and a fake program; time goes on by hand, or from deadline to deadline.
struct Bench {
  explicit Bench(Profile profile = claude(), InjectionSettings settings = {})
      : core(std::move(profile), settings) {}

  void take(const InjectionSteps& steps) {
    for (const InjectionStep& step : steps) {
      switch (step.act) {
        case InjectionAct::write:
          CHECK_FALSE(writing);
          writing = true;
          tui.feed(step.bytes);
          writes.push_back(step.bytes);
          break;
        case InjectionAct::written: log += " written:" + std::to_string(step.item); break;
        case InjectionAct::ended:
          log += " " + std::to_string(step.item) + ":" + std::string(name_of(step.outcome.end)) +
                 "/" +
                 (step.outcome.end == InjectionEnd::submitted
                      ? std::string(name_of(step.outcome.proof))
                      : step.outcome.reason);
          break;
        case InjectionAct::blocked: log += " blocked:" + step.note; break;
        case InjectionAct::clear: log += " clear"; break;
        case InjectionAct::warn: log += " warn"; break;
      }
    }
  }
  void offer(InjectionItem one) {
    auto steps = core.offer(now, std::move(one));
    REQUIRE(steps);
    take(*steps);
  }
  void ack() {
    if (std::exchange(writing, false)) take(core.written(now));
  }
  void read() {
    tui.run();
    if (!writing && core.wants_drained()) take(core.drained(now));
  }
  void draw() { take(core.screen(now, tui.screen())); }
  /// Lets both sides work until neither has anything to do.
  void settle() {
    for (int i = 0; i < 50 && (writing || !tui.idle() || i < 2); ++i) {
      ack();
      read();
      draw();
    }
  }
  void pass(Duration by) {
    now += by;
    take(core.on_time(now));
  }

  Monotonic now{std::chrono::seconds(1000)};
  Injection core;
  FakeTui tui;
  bool writing = false;
  std::vector<std::string> writes;
  std::string log;
};

}  // namespace relay::pty
