// A human's draft that is out of the box while something else happens. Whatever it is: the draft is
// back before a key of theirs gets in, and the messages behind it arrive.
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "injection_bench.hpp"

namespace relay::pty {

using namespace std::chrono_literals;

namespace {

/// The key that takes the draft out was read, and a dialog is all that is seen since.
struct Hidden : Bench {
  Hidden() {
    tui.box = "half a draft";
    draw();
    offer(item(1));
    ack();
    read();
    now += 1s;
    show("Pick one");
    REQUIRE(tui.killed == "half a draft");
    REQUIRE(core.keys_may_pass(now));
  }
  void show(const std::string& dialog) {
    tui.dialog = dialog;
    draw();
  }
};

const std::vector<std::string> kFirst{"Relay message 1 [end 1]"};

}  // namespace

TEST_CASE("a dialog while a draft is taken out: the text goes in when it is gone") {
  Hidden bench;
  bench.pass(5s);
  CHECK(bench.core.waits_for() == "dialog");
  bench.show("");
  CHECK_FALSE(bench.core.keys_may_pass(bench.now));
  bench.settle();
  CHECK(bench.tui.submitted == kFirst);
  CHECK(bench.tui.box == "half a draft");
  CHECK(bench.log == " blocked:menu clear written:1 1:submitted/box");
}

TEST_CASE("a human who answers the dialog has the draft back before their next key") {
  Hidden bench;
  bench.pass(5s);
  bench.take(bench.core.key(bench.now));
  bench.show("");
  CHECK_FALSE(bench.core.keys_may_pass(bench.now));
  bench.settle();
  CHECK(bench.tui.box == "half a draft");
  CHECK(bench.tui.submitted.empty());
  CHECK(bench.core.waits_for() == "human");
  REQUIRE(bench.core.keys_may_pass(bench.now));
  bench.tui.feed(" and more", true);
  bench.settle();
  bench.pass(3s);
  bench.settle();
  CHECK(bench.tui.submitted == kFirst);
  CHECK(bench.tui.box == "half a draft and more");
}

TEST_CASE("a dialog longer than the patience: the message ends, the draft comes back") {
  Hidden bench;
  REQUIRE(bench.core.next_deadline() == bench.now + 10min - 1s);
  bench.pass(10min - 1s);
  CHECK(bench.log == " blocked:menu 1:dead/dialog");
  for (int i = 0; i < 3 && bench.core.next_deadline(); ++i) {
    bench.pass(*bench.core.next_deadline() - bench.now);
  }
  CHECK_FALSE(bench.core.next_deadline());
  CHECK(bench.core.wants_screen());
  bench.take(bench.core.key(bench.now));
  bench.show("");
  CHECK_FALSE(bench.core.keys_may_pass(bench.now));
  bench.settle();
  CHECK(bench.tui.box == "half a draft");
  bench.pass(3s);
  bench.offer(item(2));
  bench.settle();
  CHECK(bench.tui.submitted == std::vector<std::string>{"Relay message 2 [end 2]"});
  CHECK(bench.tui.box == "half a draft");
  CHECK_FALSE(bench.core.wants_screen());
}

TEST_CASE("a hold, or a key, while a draft is taken out gives it back first") {
  for (const bool hold : {false, true}) {
    Bench bench;
    bench.tui.box = "half a draft";
    bench.draw();
    bench.offer(item(1));
    bench.ack();
    bench.read();
    bench.take(hold ? bench.core.hold(bench.now, true) : bench.core.key(bench.now));
    bench.settle();
    CHECK(bench.tui.box == "half a draft");
    CHECK(bench.tui.pasted.empty());
    CHECK(bench.core.waits_for() == "human");
    bench.take(hold ? bench.core.hold(bench.now, false) : bench.core.human_done(bench.now));
    bench.settle();
    CHECK(bench.tui.submitted == kFirst);
    CHECK(bench.tui.box == "half a draft");
  }
}

TEST_CASE("a dialog while a draft comes back is no reason to give it up") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  while (bench.writes.empty() || bench.writes.back() != "\x19") {
    bench.ack();
    bench.read();
    bench.draw();
  }
  bench.ack();
  bench.read();
  bench.tui.dialog = "Pick one";
  bench.draw();
  REQUIRE(bench.core.readiness() != Readiness::ready);
  bench.pass(5s);
  bench.tui.dialog.clear();
  bench.settle();
  CHECK(bench.log.find("warn") == std::string::npos);
  CHECK(bench.tui.box == "half a draft");
  CHECK_FALSE(bench.core.wants_screen());
}

TEST_CASE("a terminal that is not read while a draft is taken out: the draft comes back after it") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  bench.pass(10min);
  CHECK(bench.log == " 1:dead/not_read");
  bench.settle();
  CHECK(bench.tui.box == "half a draft");
  CHECK(bench.tui.pasted.empty());
}

TEST_CASE("a program that stalls with the draft's key is watched until the draft is back") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  for (int i = 0; i < 4 && bench.core.next_deadline(); ++i) {
    bench.pass(*bench.core.next_deadline() - bench.now);
    CHECK(bench.core.wants_screen());
  }
  CHECK(bench.log.find("1:dead") != std::string::npos);
  CHECK_FALSE(bench.core.next_deadline());
  bench.settle();
  CHECK(bench.tui.box == "half a draft");
  CHECK_FALSE(bench.core.wants_screen());
}

TEST_CASE("between two messages the draft is back, each time") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  bench.offer(item(2));
  bench.settle();
  bench.settle();
  REQUIRE(bench.writes.size() == 8);
  CHECK(bench.writes[3] == "\x19");
  CHECK(bench.writes[4] == "\x15");
  CHECK(bench.tui.box == "half a draft");
}

TEST_CASE("a second draft beside the first is never taken out: one would be lost") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.tui.swallow_pastes = 1;
  bench.draw();
  bench.offer(item(1));
  bench.settle();
  bench.pass(10s);
  CHECK(bench.log == " written:1 1:typed/not_shown");
  REQUIRE(bench.core.keys_may_pass(bench.now));
  bench.tui.feed("new", true);
  bench.settle();
  bench.offer(item(2));
  bench.settle();
  CHECK(bench.core.waits_for() == "human_draft");
  CHECK(bench.tui.killed == "half a draft");
  bench.tui.feed("\r", true);
  bench.settle();
  CHECK(bench.tui.box == "half a draft");
  CHECK(bench.tui.submitted == std::vector<std::string>{"new", "Relay message 2 [end 2]"});
}

TEST_CASE("a dialog that swallows the key for the draft: it is pressed again") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.tui.dialog = "Pick one";
  SUBCASE("soon") {}
  SUBCASE("after the message has ended") {
    bench.draw();
    bench.pass(10min);
    CHECK(bench.log == " blocked:menu 1:dead/dialog");
    for (int i = 0; i < 3 && bench.core.next_deadline(); ++i) {
      bench.pass(*bench.core.next_deadline() - bench.now);
    }
    CHECK(bench.core.wants_drained());
    bench.read();
    bench.log = " blocked:menu";
    bench.tui.dialog.clear();
    bench.draw();
    bench.offer(item(1));
  }
  bench.read();
  bench.draw();
  bench.tui.dialog.clear();
  bench.settle();
  bench.pass(2s);
  bench.settle();
  CHECK(bench.log == " blocked:menu clear written:1 1:submitted/box");
  CHECK(bench.tui.submitted == kFirst);
  CHECK(bench.tui.box == "half a draft");
}

TEST_CASE("a draft that cannot be taken out is the human's, and nothing else is given back") {
  Bench bench;
  bench.tui.box = "half a draft";
  bench.tui.killed = "something old";
  bench.tui.ignores_cut = true;
  bench.draw();
  bench.offer(item(1));
  for (int i = 0; i < 6; ++i) {
    bench.settle();
    bench.pass(2s);
  }
  CHECK(bench.core.waits_for() == "human_draft");
  CHECK(bench.writes == std::vector<std::string>{"\x15", "\x15", "\x15", "\x15"});
  bench.take(bench.core.key(bench.now));
  bench.tui.feed("\r", true);
  bench.settle();
  bench.pass(3s);
  bench.settle();
  CHECK(bench.tui.submitted == std::vector<std::string>{"half a draft", kFirst[0]});
  CHECK(bench.tui.box.empty());
}

TEST_CASE("an Enter that the terminal never takes: the text may be there") {
  Bench bench;
  bench.draw();
  bench.offer(item(1));
  bench.ack();
  bench.read();
  bench.draw();
  REQUIRE(bench.writing);
  bench.pass(10min);
  CHECK(bench.log == " written:1 1:typed/not_read");
}

TEST_CASE("without paste mode a draft stays where it is until the text can be typed") {
  auto profile = claude();
  profile.newline_key.clear();
  Bench bench(profile);
  bench.tui.box = "half a draft";
  ScreenText screen = bench.tui.screen();
  screen.bracketed_paste = false;
  bench.take(bench.core.screen(bench.now, screen));
  bench.offer(item(1, "two\nlines [end 1]"));
  CHECK(bench.core.waits_for() == "paste_mode");
  CHECK(bench.writes.empty());
  bench.settle();
  CHECK(bench.tui.submitted == std::vector<std::string>{"two\nlines [end 1]"});
  CHECK(bench.tui.box == "half a draft");
}

}  // namespace relay::pty
