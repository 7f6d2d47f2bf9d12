// Random schedules of a program's behaviour and a human's keys against the injection core. Whatever
// happens: each message ends exactly once, is pasted at most once, in order, never into a dialog
// that was on the screen, and a human's draft is neither lost nor sent along.
// RELAY_BROKER_SEEDS=1000000 in the environment makes it a long test.
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "fake_tui.hpp"
#include "pty/injection/injection.hpp"
#include "pty/injection/profile_file.hpp"
#include "support/long_form.hpp"

namespace relay::pty {
namespace {

using namespace std::chrono_literals;

std::string text_of(std::uint64_t id) {
  return "Relay message from x [id " + std::to_string(id) + "]:\nbody\n[end m" +
         std::to_string(id) + "m]";
}

class Walk {
 public:
  Walk(const Profile& profile, std::uint64_t seed) : random_(seed), core_(profile) {
    tui_.booted = random_.below(2) == 0;
    tui_.collapses = random_.below(2) == 0;
    tui_.starts_turn = random_.below(2) == 0;
    tui_.width = 8 + random_.below(40);
  }

  /// What went wrong; empty if nothing did.
  std::string run() {
    const std::uint64_t steps = 20 + random_.below(80);
    for (std::uint64_t i = 0; i < steps && fault_.empty(); ++i) event();
    finish();
    return fault_;
  }

 private:
  void check(bool good, const std::string& what) {
    if (!good && fault_.empty()) fault_ = what;
  }

  void take(const InjectionSteps& steps) {
    for (const InjectionStep& step : steps) {
      if (step.act == InjectionAct::write) {
        check(!writing_, "two writes at once");
        check(!dialog_shown_, "typed into a dialog");
        writing_ = true;
        tui_.feed(step.bytes);
      } else if (step.act == InjectionAct::ended) {
        check(++ends_[step.item] == 1, "ended twice");
        check(step.item > last_end_, "ended out of order");
        last_end_ = step.item;
        outcomes_[step.item] = step.outcome;
      }
    }
  }

  void draw() {
    const ScreenText screen = tui_.screen();
    dialog_shown_ = !tui_.dialog.empty();
    take(core_.screen(now_, screen));
  }

  void pass(Duration by) {
    now_ += by;
    draw();
    const auto next = core_.next_deadline();
    if (next && *next <= now_) take(core_.on_time(now_));
  }

  void human() {
    // A human types when the broker lets keys pass; they read the screen, so not into our text.
    take(core_.key(now_));
    if (!core_.keys_may_pass(now_) || !tui_.idle() || !tui_.dialog.empty() || !tui_.booted) return;
    if (tui_.box.find("[end") != std::string::npos) return;
    if (random_.below(3) == 0) {
      if (tui_.box.empty()) return;
      drafts_sent_.push_back(tui_.box);
      tui_.feed("\r", true);
    } else {
      const std::string typed = "h" + std::to_string(random_.below(10));
      typed_ += typed;
      tui_.feed(typed, true);
    }
    read();
    draw();
  }

  void event() {
    switch (random_.below(12)) {
      case 0:
      case 1: {
        InjectionItem item;
        item.id = ++ids_;
        item.text = text_of(item.id);
        auto steps = core_.offer(now_, std::move(item));
        check(steps.has_value(), "refused");
        if (steps) take(*steps);
        break;
      }
      case 2:
      case 3: ack(); break;
      case 4: tui_.run(); break;
      case 5:
        read();
        draw();
        break;
      case 6: pass(std::chrono::milliseconds(random_.below(1500))); break;
      case 7:
        if (tui_.idle()) {
          // The dialog and its drawing are one: keys that cross it on their way are nobody's fault.
          if (tui_.dialog.empty() && tui_.booted && random_.below(3) == 0)
            tui_.dialog = "Do you want this?";
          else
            tui_.dialog.clear();
          draw();
        }
        break;
      case 8: human(); break;
      case 9:
        tui_.busy = !tui_.busy;
        draw();
        break;
      case 10:
        if (random_.below(4) == 0) tui_.swallow_enters = static_cast<int>(random_.below(3));
        if (random_.below(8) == 0) pass(std::chrono::seconds(random_.below(15)));
        break;
      default:
        if (!tui_.booted && random_.below(4) == 0) tui_.booted = true;
        draw();
    }
  }

  void ack() {
    if (std::exchange(writing_, false)) take(core_.written(now_));
  }

  void read() {
    tui_.run();
    if (!writing_ && core_.wants_drained()) take(core_.drained(now_));
  }

  /// The world becomes quiet; then everything must end by deadlines and drawings alone.
  void finish() {
    tui_.dialog.clear();
    tui_.booted = true;
    tui_.swallow_enters = 0;
    for (int i = 0; i < 4000 && fault_.empty(); ++i) {
      ack();
      read();
      draw();
      if (writing_) continue;
      if (core_.waiting() == 0 && !core_.next_deadline()) break;
      const auto next = core_.next_deadline();
      check(next.has_value(), "waits without a deadline");
      if (next && i % 3 == 2) {
        now_ = std::max(now_, *next);
        take(core_.on_time(now_));
      }
    }
    ack();
    tui_.run();
    draw();
    judge();
  }

  void judge() {
    check(core_.waiting() == 0, "does not come to an end");
    for (std::uint64_t id = 1; id <= ids_; ++id) check(ends_[id] == 1, "no end");
    check(tui_.into_dialog.empty(), "keys in a dialog");
    std::map<std::string, int> pasted;
    for (const auto& text : tui_.pasted) check(++pasted[text] == 1, "pasted twice");
    std::string human = {};
    std::size_t last = 0;
    std::set<std::string> ours;
    for (std::uint64_t id = 1; id <= ids_; ++id) ours.insert(text_of(id));
    for (const auto& text : tui_.submitted) {
      if (ours.count(text) == 0) {
        check(text.find("Relay") == std::string::npos, "merged with a draft: " + text);
        human += text;
        continue;
      }
      const std::size_t id = std::strtoul(text.c_str() + text.find("[id ") + 4, nullptr, 10);
      check(id > last, "submitted out of order or twice");
      last = id;
    }
    for (const auto& [id, outcome] : outcomes_) {
      const bool arrived = std::find(tui_.submitted.begin(), tui_.submitted.end(), text_of(id)) !=
                           tui_.submitted.end();
      if (outcome.end == InjectionEnd::submitted) check(arrived, "submitted, but it is not there");
      if (outcome.end == InjectionEnd::dead) check(!arrived, "dead, but it is there");
    }
    // Everything that the human typed was sent by them or is in the box, in its order.
    if (tui_.box.find("Relay") == std::string::npos) human += tui_.box;
    check(human == typed_, "the draft: typed " + typed_ + ", there " + human);
  }

  SeededRandom random_;
  Injection core_;
  FakeTui tui_;
  Monotonic now_{1000s};
  bool writing_ = false;
  bool dialog_shown_ = false;
  std::uint64_t ids_ = 0;
  std::uint64_t last_end_ = 0;
  std::map<std::uint64_t, int> ends_;
  std::map<std::uint64_t, InjectionOutcome> outcomes_;
  std::vector<std::string> drafts_sent_;
  std::string typed_;
  std::string fault_;
};

}  // namespace

TEST_CASE("whatever the program and the human do") {
  const auto seeds = test::long_form<std::uint64_t>("RELAY_BROKER_SEEDS", 20'000);
  const auto all = builtin_profiles();
  const Profile& profile = profile_for(all, "claude");
  int faults = 0;
  for (std::uint64_t seed = 0; seed < seeds && faults < 5; ++seed) {
    const std::string fault = Walk(profile, seed).run();
    if (fault.empty()) continue;
    ++faults;
    FAIL_CHECK("seed " << seed << ": " << fault);
  }
}

}  // namespace relay::pty
