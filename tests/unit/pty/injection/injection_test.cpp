#include "pty/injection/injection.hpp"

#include <doctest/doctest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "injection_bench.hpp"

namespace relay::pty {

using namespace std::chrono_literals;

TEST_CASE("the recipe: paste, see it, Enter, see it gone") {
  Bench bench;
  bench.draw();
  bench.offer(item(1, "Relay message [end 1]"));
  CHECK(bench.writes == std::vector<std::string>{"\x1b[200~Relay message [end 1]\x1b[201~"});
  bench.ack();
  CHECK(bench.writes.size() == 1);
  bench.tui.run();
  bench.draw();
  CHECK(bench.writes.back() == "\r");
  bench.ack();
  CHECK(bench.log == " written:1");
  bench.tui.run();
  bench.draw();
  CHECK(bench.log == " written:1 1:submitted/box");
  CHECK(bench.tui.submitted == std::vector<std::string>{"Relay message [end 1]"});
  CHECK_FALSE(bench.core.next_deadline());
}

TEST_CASE("several, in order, highest priority first; a full queue refuses the newest") {
  InjectionSettings settings;
  settings.most_items = 3;
  Bench bench(claude(), settings);
  bench.tui.booted = false;
  bench.draw();
  bench.offer(item(1));
  bench.offer(item(2));
  auto urgent = item(3);
  urgent.priority = 5;
  bench.offer(urgent);
  bench.offer(item(4));
  const auto full = bench.core.offer(bench.now, item(5));
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Code::queue_full);
  CHECK(bench.core.waits_for() == "not_ready");
  bench.tui.booted = true;
  bench.settle();
  // The first was in front already.
  CHECK(bench.log ==
        " written:1 1:submitted/box written:3 3:submitted/box written:2 2:submitted/box written:4 "
        "4:submitted/box");
}

TEST_CASE("text that wraps, text of many lines, a paste that is collapsed") {
  for (const bool collapses : {false, true}) {
    Bench bench;
    bench.tui.collapses = collapses;
    bench.tui.width = 13;
    bench.draw();
    bench.offer(item(
        1, "Relay message\n\n  indented\tline\n" + std::string(200, 'x') + "\n[end 0badcafe]"));
    bench.settle();
    CHECK(bench.log == " written:1 1:submitted/box");
    CHECK(bench.tui.submitted.size() == 1);
  }
}

TEST_CASE(
    "Enter that was lost is pressed again, three times at most, and the paste is not repeated") {
  for (const int lost : {1, 3, 4}) {
    CAPTURE(lost);
    Bench bench;
    bench.tui.swallow_enters = lost;
    bench.draw();
    bench.offer(item(1));
    for (int i = 0; i < 6; ++i) {
      bench.settle();
      bench.pass(1s);
    }
    bench.settle();
    CHECK(bench.tui.pasted.size() == 1);
    if (lost <= 3) {
      CHECK(bench.log == " written:1 1:submitted/box");
    } else {
      CHECK(bench.log == " written:1 1:typed/enter_not_taken");
      // What is left in the box goes first, on its own, when the next one comes.
      bench.offer(item(2));
      bench.settle();
      CHECK(bench.log.ends_with(" 2:submitted/box"));
      CHECK(bench.tui.submitted.size() == 2);
    }
  }
}

TEST_CASE("a program that draws nothing after Enter is slow: another Enter might reach the next") {
  Bench bench;
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.read();
  bench.draw();
  bench.ack();
  REQUIRE(bench.core.wants_drained());
  bench.take(bench.core.drained(bench.now));
  bench.pass(7s);
  CHECK(bench.writes.size() == 2);
  SUBCASE("it was slow") {
    bench.settle();
    CHECK(bench.log == " written:1 1:submitted/box");
  }
  SUBCASE("it was deaf") {
    bench.tui.swallow_enters = 1;
    bench.pass(1s);
    CHECK(bench.writes.size() == 3);
  }
  SUBCASE("it draws, but not what it should") {
    bench.draw();
    bench.pass(999ms);
    CHECK(bench.writes.size() == 2);
    bench.pass(1ms);
    CHECK(bench.writes.size() == 3);
  }
}

TEST_CASE("a text that was never in the box but is in the conversation has been taken") {
  Bench bench;
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.read();
  bench.tui.feed("\r", true);
  bench.tui.run();
  bench.draw();
  bench.pass(10s);
  CHECK(bench.log == " written:1 1:submitted/screen");
}

TEST_CASE("a paste that never shows ends as typed, and is never typed again") {
  Bench bench;
  bench.tui.swallow_pastes = 1;
  bench.draw();
  bench.offer(item(1));
  bench.settle();
  bench.pass(9s);
  CHECK(bench.log == " written:1");
  bench.pass(1s);
  CHECK(bench.log == " written:1 1:typed/not_shown");
  CHECK_FALSE(bench.core.wants_look());
  bench.offer(item(2));
  CHECK(bench.core.waits_for() == "not_drawn");
  CHECK(bench.core.wants_look());
  bench.settle();
  CHECK(bench.tui.submitted.size() == 1);
  CHECK(bench.log.ends_with(" 2:submitted/box"));
}

TEST_CASE("a paste that shows too late is entered on its own before the next") {
  Bench bench;
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.pass(10s);
  CHECK(bench.log == " written:1");
  CHECK(bench.core.wants_drained());
  bench.take(bench.core.drained(bench.now));
  bench.pass(10s);
  CHECK(bench.log == " written:1 1:typed/not_shown");
  bench.offer(item(2));
  bench.settle();
  CHECK(bench.tui.submitted ==
        std::vector<std::string>{"Relay message 1 [end 1]", "Relay message 2 [end 2]"});
}

TEST_CASE("a human's draft is put aside and given back") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  CHECK_FALSE(bench.core.keys_may_pass(bench.now));
  bench.settle();
  CHECK(bench.log == " written:1 1:submitted/box");
  CHECK(bench.tui.submitted == std::vector<std::string>{"Relay message 1 [end 1]"});
  CHECK(bench.tui.box == "half a draft");
  CHECK(bench.core.keys_may_pass(bench.now));
}

TEST_CASE("a draft in a program that cannot put it aside is waited for") {
  auto profile = claude();
  profile.draft_cut_key.clear();
  Bench bench(profile);
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  bench.settle();
  CHECK(bench.core.waits_for() == "human_draft");
  CHECK(bench.writes.empty());
  bench.tui.feed("\r", true);
  bench.settle();
  CHECK(bench.log == " written:1 1:submitted/box");
}

TEST_CASE("a human who types goes first, and for three seconds more; a release ends that at once") {
  for (const bool release : {false, true}) {
    Bench bench;
    bench.draw();
    bench.take(bench.core.key(bench.now));
    bench.offer(item(1));
    bench.settle();
    CHECK(bench.writes.empty());
    CHECK(bench.core.waits_for() == "human");
    REQUIRE(bench.core.next_deadline());
    if (release) {
      bench.take(bench.core.human_done(bench.now));
    } else {
      CHECK(*bench.core.next_deadline() == bench.now + 3s);
      bench.pass(2999ms);
      CHECK(bench.writes.empty());
      bench.pass(1ms);
    }
    bench.settle();
    CHECK(bench.log == " written:1 1:submitted/box");
  }
}

TEST_CASE("a hold holds, up to the patience with one message") {
  Bench bench;
  bench.draw();
  bench.take(bench.core.hold(bench.now, true));
  bench.offer(item(1));
  bench.offer(item(2));
  bench.settle();
  bench.pass(10min);
  CHECK(bench.log == " 1:dead/human");
  bench.take(bench.core.hold(bench.now, false));
  bench.settle();
  CHECK(bench.log == " 1:dead/human written:2 2:submitted/box");
}

TEST_CASE("a dialog is reported and not typed into; a menu that is not known as well") {
  Bench bench;
  bench.tui.dialog = "Pick one";
  bench.draw();
  CHECK(bench.core.readiness() == Readiness::blocked);
  bench.offer(item(1));
  bench.settle();
  bench.pass(5s);
  CHECK(bench.log == " blocked:menu");
  CHECK(bench.core.waits_for() == "dialog");
  CHECK(bench.core.keys_may_pass(bench.now));
  CHECK(bench.writes.empty());
  bench.tui.dialog.clear();
  bench.settle();
  CHECK(bench.log == " blocked:menu clear written:1 1:submitted/box");
}

TEST_CASE(
    "a dialog between paste and Enter: no key goes into it, and the text is entered after it") {
  Bench bench;
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.tui.run();
  bench.tui.dialog = "Do you want to run this?";
  bench.draw();
  bench.pass(30s);
  CHECK(bench.writes.size() == 1);
  CHECK(bench.core.keys_may_pass(bench.now));
  bench.tui.dialog.clear();
  bench.settle();
  CHECK(bench.tui.into_dialog.empty());
  CHECK(bench.tui.submitted.size() == 1);
  CHECK(bench.log.ends_with(" 1:submitted/box"));
}

TEST_CASE(
    "a dialog that the profile answers is answered, a few times at most, and only at the start") {
  Bench bench;
  bench.tui.dialog = "Do you trust the files?";
  bench.offer(item(1));
  bench.settle();
  CHECK(bench.writes.empty());
  bench.pass(500ms);
  bench.settle();
  CHECK(bench.writes[0] == "\r");
  CHECK(bench.log.ends_with(" 1:submitted/box"));
  bench.tui.dialog = "Do you trust the files?";
  bench.settle();
  CHECK(bench.log.ends_with(" blocked:trust this folder"));
}

TEST_CASE("the pointer is moved to the row to choose, wherever that is, and then it is confirmed") {
  Bench bench;
  bench.tui.dialog = "Bypass Permissions";
  bench.tui.choices = {"No, exit", "Yes, I accept"};
  bench.draw();
  bench.pass(500ms);
  CHECK(bench.writes == std::vector<std::string>{"\x1b[B"});
  bench.ack();
  bench.draw();
  CHECK(bench.writes.size() == 1);
  SUBCASE("moved") {
    bench.tui.run();
    bench.draw();
    CHECK(bench.writes.back() == "\r");
    bench.settle();
    CHECK(bench.tui.chosen == "Yes, I accept");
  }
  SUBCASE("the key was lost: the sequence starts again, then it is a person's") {
    bench.pass(1s);
    CHECK(bench.writes == std::vector<std::string>{"\x1b[B", "\x1b[B"});
    bench.ack();
    bench.pass(1s);
    CHECK(bench.writes.size() == 2);
    CHECK(bench.log == " blocked:accept bypass of permissions");
  }
}

TEST_CASE("a dialog that is drawn anew, or that a human takes up, is let alone") {
  Bench bench;
  bench.tui.dialog = "Do you trust the files?";
  bench.draw();
  SUBCASE("anew") {
    bench.tui.choices = {"No, exit", "Yes, proceed"};
    bench.now += 400ms;
    bench.draw();
    bench.pass(499ms);
    CHECK(bench.writes.empty());
    bench.pass(1ms);
    bench.settle();
    CHECK(bench.tui.chosen == "Yes, proceed");
  }
  SUBCASE("a human") {
    bench.take(bench.core.key(bench.now));
    bench.draw();
    bench.pass(500ms);
    CHECK(bench.log == " blocked:trust this folder");
    CHECK(bench.writes.empty());
  }
}

TEST_CASE("a question whose refusal comes first is not answered by it") {
  Bench bench;
  bench.tui.dialog = "Is this a project you trust?";
  SUBCASE("below it") {
    bench.tui.choices = {"No, exit", "Yes, I trust this folder"};
    bench.draw();
    bench.pass(500ms);
    bench.settle();
    CHECK(bench.tui.chosen == "Yes, I trust this folder");
  }
  SUBCASE("it is the first after all") {
    bench.tui.choices = {"Yes, proceed", "No, exit"};
    bench.draw();
    bench.pass(500ms);
    bench.settle();
    CHECK(bench.writes == std::vector<std::string>{"\r"});
  }
  SUBCASE("no row of it is known: a person's") {
    bench.tui.choices = {"Yes, as ever", "No, exit"};
    for (int i = 0; i < 40; ++i) {
      bench.settle();
      bench.pass(1s);
    }
    CHECK(bench.log == " blocked:trust this folder");
    CHECK(bench.tui.chosen.empty());
  }
}

TEST_CASE("a busy program gets the text if it queues, else it is waited for") {
  for (const auto policy : {BusyPolicy::queue, BusyPolicy::wait}) {
    auto profile = claude();
    profile.busy = policy;
    Bench bench(profile);
    bench.tui.busy = true;
    bench.draw();
    bench.offer(item(1));
    bench.settle();
    if (policy == BusyPolicy::wait) {
      CHECK(bench.core.waits_for() == "busy");
      CHECK(bench.writes.empty());
      bench.tui.busy = false;
      bench.settle();
    }
    CHECK(bench.log == " written:1 1:submitted/box");
  }
}

TEST_CASE("a turn that begins is the better proof, a hook the best") {
  Bench bench;
  bench.tui.starts_turn = true;
  bench.draw();
  bench.offer(item(1));
  bench.settle();
  CHECK(bench.log == " written:1 1:submitted/turn");
  bench.offer(item(2));
  bench.ack();
  bench.tui.run();
  bench.draw();
  bench.ack();
  bench.take(bench.core.hook(bench.now, 2));
  CHECK(bench.log.ends_with(" 2:submitted/hook"));
  bench.take(bench.core.hook(bench.now, 2));
  bench.offer(item(3));
  bench.settle();
  CHECK(bench.tui.submitted.size() == 3);
  CHECK(bench.log.find("3:submitted") != std::string::npos);
}

TEST_CASE("after a crash the text is looked for before it is typed") {
  auto again = item(1);
  again.recovering = true;
  again.repeat_text = "Relay message 1, possible repeat [end 1r]";
  Bench bench;
  SUBCASE("in the box: only Enter was missing") {
    bench.tui.box = item(1).text;
    bench.draw();
    bench.offer(again);
    bench.settle();
    CHECK(bench.tui.pasted.empty());
    CHECK(bench.log == " 1:submitted/box");
  }
  SUBCASE("in the conversation: done") {
    bench.tui.submitted.push_back(item(1).text);
    bench.draw();
    bench.offer(again);
    bench.settle();
    CHECK(bench.writes.empty());
    CHECK(bench.log == " 1:submitted/screen");
  }
  SUBCASE("nowhere: typed, and marked") {
    bench.draw();
    bench.offer(again);
    bench.settle();
    CHECK(bench.tui.submitted == std::vector<std::string>{again.repeat_text});
  }
}

TEST_CASE("every wait ends: boot, a terminal that nobody reads, the child's end") {
  SUBCASE("boot") {
    Bench bench;
    bench.tui.booted = false;
    bench.draw();
    bench.offer(item(1));
    bench.pass(10min);
    CHECK(bench.log == " 1:dead/not_ready");
  }
  SUBCASE("a write that is never taken") {
    Bench bench;
    bench.draw();
    bench.offer(item(1));
    CHECK_FALSE(bench.core.keys_may_pass(bench.now + 29s));
    CHECK(bench.core.keys_may_pass(bench.now + 30s));
    bench.pass(10min);
    CHECK(bench.log == " 1:typed/not_read");
    bench.offer(item(2));
    CHECK(bench.writes.size() == 1);
    bench.pass(10min);
    CHECK(bench.log == " 1:typed/not_read 2:dead/not_read");
    // It is taken after all: what it left in the box is no draft.
    bench.offer(item(3));
    bench.settle();
    CHECK(bench.tui.submitted == std::vector<std::string>{item(1).text, item(3).text});
    CHECK(bench.tui.box.empty());
  }
  SUBCASE("a write that fails") {
    Bench bench;
    bench.draw();
    bench.offer(item(1));
    bench.writing = false;
    bench.take(bench.core.write_failed(bench.now, "io_error"));
    CHECK(bench.log == " 1:dead/io_error");
  }
  SUBCASE("the child's end") {
    Bench bench;
    bench.draw();
    bench.offer(item(1));
    bench.offer(item(2));
    bench.take(bench.core.exited(bench.now));
    CHECK(bench.log == " 1:dead/exited 2:dead/exited");
    CHECK_FALSE(bench.core.next_deadline());
    CHECK_FALSE(bench.core.offer(bench.now, item(3)));
    CHECK(bench.core.readiness() == Readiness::exited);
  }
}

TEST_CASE("a picture that is not finished proves nothing, unless it never will be") {
  Bench bench;
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.read();
  bench.draw();
  REQUIRE(bench.writes.back() == "\r");
  bench.ack();
  // Erased, and not yet drawn again: Enter was lost.
  bench.tui.swallow_enters = 1;
  bench.read();
  ScreenText half = FakeTui().screen();
  half.unfinished = true;
  bench.take(bench.core.screen(bench.now, half));
  CHECK(bench.log == " written:1");
  SUBCASE("finished") {
    bench.draw();
    bench.pass(1s);
    bench.settle();
    CHECK(bench.tui.submitted.size() == 1);
  }
  SUBCASE("never") {
    CHECK(*bench.core.next_deadline() == bench.now + 500ms);
    bench.pass(500ms);
  }
  CHECK(bench.log == " written:1 1:submitted/box");
}

TEST_CASE("what the program keeps is not overtaken") {
  auto profile = claude();
  profile.hold_shows.push_back(*TextPattern::make("^* Working"));
  Bench bench(profile);
  bench.tui.busy = true;
  bench.draw();
  bench.offer(item(1));
  bench.settle();
  CHECK(bench.core.waits_for() == "busy");
  CHECK(bench.writes.empty());
  bench.tui.busy = false;
  bench.settle();
  CHECK(bench.log == " written:1 1:submitted/box");
}

TEST_CASE("without paste mode: keys, with the program's own newline, or not at all") {
  auto profile = claude();
  profile.newline_key.clear();
  Bench bench(profile);
  auto screen = bench.tui.screen();
  screen.bracketed_paste = false;
  bench.take(bench.core.screen(bench.now, screen));
  bench.offer(item(1, "a\tb [end 1]"));
  CHECK(bench.writes == std::vector<std::string>{"a    b [end 1]"});
  Bench lines(profile);
  lines.take(lines.core.screen(lines.now, screen));
  lines.offer(item(2, "a\nb [end 2]"));
  CHECK(lines.writes.empty());
  CHECK(lines.core.waits_for() == "paste_mode");
  Bench newline;
  newline.take(newline.core.screen(newline.now, screen));
  newline.offer(item(3, "a\nb [end 3]"));
  CHECK(newline.writes == std::vector<std::string>{"a\x1b\rb [end 3]"});
}

}  // namespace relay::pty
