#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "pty/injection/human_line.hpp"
#include "pty/injection/injection.hpp"
#include "pty/injection/profile_file.hpp"

namespace relay::pty {
namespace {

using namespace std::chrono_literals;

Profile generic() {
  const auto all = builtin_profiles();
  return profile_for(all, "cat");
}

/// A reader of a terminal: takes what is written, when it is told to.
struct TtyReader {
  explicit TtyReader(bool canonical, Profile profile = generic()) : core(std::move(profile)) {
    take(core.terminal(now, TerminalMode{canonical}));
    if (!canonical) take(core.screen(now, {}));
  }
  void take(const InjectionSteps& steps) {
    for (const InjectionStep& step : steps) {
      if (step.act == InjectionAct::write) {
        CHECK_FALSE(open);
        open = true;
        got += step.bytes;
        pieces.push_back(step.bytes.size());
      } else if (step.act == InjectionAct::ended) {
        log += " " + std::string(name_of(step.outcome.end)) + "/" + step.outcome.reason;
      }
    }
  }
  void offer(std::string text) {
    InjectionItem item;
    item.id = ++ids;
    item.text = std::move(text);
    auto steps = core.offer(now, std::move(item));
    REQUIRE(steps);
    take(*steps);
  }
  void read_all() {
    for (int i = 0; i < 100'000 && (open || core.wants_drained()); ++i) {
      if (std::exchange(open, false)) take(core.written(now));
      if (core.wants_drained()) take(core.drained(now));
    }
  }
  Monotonic now{1000s};
  Injection core;
  bool open = false;
  std::uint64_t ids = 0;
  std::string got;
  std::vector<std::size_t> pieces;
  std::string log;
};

}  // namespace

TEST_CASE(
    "canonical: whole lines, never more at once than the terminal keeps, paced by the reader") {
  TtyReader reader(true);
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text +=
        "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 200, 'x') + "\n";
  reader.offer(text);
  CHECK(reader.pieces.size() == 1);
  reader.read_all();
  CHECK(reader.got == text);
  CHECK(reader.log == " typed/no_proof");
  CHECK(*std::max_element(reader.pieces.begin(), reader.pieces.end()) <= 4095);
  CHECK(reader.pieces.size() > 100);
}

TEST_CASE(
    "canonical: a last line gets its newline; lines up to the limit pass, longer ones are refused "
    "whole") {
  TtyReader reader(true);
  reader.offer("hello");
  reader.read_all();
  reader.offer(std::string(4094, 'x'));
  reader.read_all();
  CHECK(reader.got == "hello\n" + std::string(4094, 'x') + "\n");
  reader.offer("first\n" + std::string(4095, 'y'));
  reader.read_all();
  CHECK(reader.log == " typed/no_proof typed/no_proof dead/line_too_long");
  CHECK(reader.got.find('y') == std::string::npos);
  CHECK(reader.got.find("first") == std::string::npos);
}

TEST_CASE("raw: the bytes as they are, then Enter on its own, from 1 byte to 1 MiB") {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{1} << 20U}) {
    TtyReader reader(false);
    std::string text;
    while (text.size() < size) text += "é\tx\n";
    text.resize(size, 'z');
    reader.offer(text);
    reader.read_all();
    CHECK(reader.got == text);
    reader.now += 500ms;
    reader.take(reader.core.on_time(reader.now));
    reader.read_all();
    CHECK(reader.got == text + "\r");
    CHECK(reader.log == " typed/no_proof");
  }
}

TEST_CASE("raw: what the program draws is its answer; no need to wait longer") {
  TtyReader reader(false);
  reader.offer("x");
  reader.read_all();
  reader.take(reader.core.screen(reader.now, {}));
  reader.read_all();
  CHECK(reader.got == "x\r");
}

TEST_CASE("raw: a paste if the program asked for pastes") {
  TtyReader reader(false);
  reader.core.bracketed_paste(true);
  reader.offer("a\nb");
  reader.read_all();
  CHECK(reader.got == "\x1b[200~a\nb\x1b[201~");
}

TEST_CASE("the screen of a reader of lines need not be drawn, but for its answer to raw text") {
  TtyReader lines(true);
  lines.offer("one");
  lines.offer("two");
  CHECK_FALSE(lines.core.wants_screen());
  TtyReader raw(false);
  raw.offer("x");
  CHECK_FALSE(raw.core.wants_screen());
  raw.read_all();
  CHECK(raw.core.wants_screen());
  raw.take(raw.core.screen(raw.now, {}));
  raw.read_all();
  CHECK_FALSE(raw.core.wants_screen());
}

TEST_CASE("a program whose dialogs are known is looked at while something waits") {
  Profile profile = generic();
  DialogRule dialog;
  dialog.name = "trust";
  dialog.shows.push_back(*TextPattern::make("Do you trust"));
  profile.dialogs.push_back(std::move(dialog));
  TtyReader reader(true, std::move(profile));
  reader.take(reader.core.screen(reader.now, {}));
  CHECK_FALSE(reader.core.wants_screen());
  reader.offer("one");
  CHECK(reader.core.wants_screen());
}

TEST_CASE("a reader that stops: dead in the middle, typed at the end") {
  TtyReader reader(true);
  reader.offer(std::string(3000, 'a') + "\n" + std::string(3000, 'b') + "\n");
  reader.open = false;
  reader.take(reader.core.written(reader.now));
  reader.now += 9min;
  reader.take(reader.core.on_time(reader.now));
  CHECK(reader.log.empty());
  reader.now += 1min;
  reader.take(reader.core.on_time(reader.now));
  CHECK(reader.log == " dead/not_read");
  reader.offer("short");
  reader.open = false;
  reader.take(reader.core.written(reader.now));
  reader.now += 10min;
  reader.take(reader.core.on_time(reader.now));
  CHECK(reader.log == " dead/not_read typed/not_read");
}

TEST_CASE("a hook proves it, a human is waited for, the end ends it") {
  TtyReader reader(true);
  reader.take(reader.core.key(reader.now));
  reader.offer("one");
  CHECK(reader.got.empty());
  reader.now += 3s;
  reader.take(reader.core.on_time(reader.now));
  CHECK(reader.got == "one\n");
  CHECK_FALSE(reader.core.keys_may_pass(reader.now));
  reader.open = false;
  reader.take(reader.core.written(reader.now));
  reader.take(reader.core.hook(reader.now, 1));
  CHECK(reader.log == " submitted/");
  reader.offer("two");
  reader.take(reader.core.exited(reader.now));
  CHECK(reader.log == " submitted/ dead/exited");
}

TEST_CASE("nothing is typed behind a line that a human has begun") {
  TtyReader reader(true);
  reader.take(reader.core.key(reader.now, true));
  reader.offer("one");
  reader.now += 9min;
  reader.take(reader.core.on_time(reader.now));
  CHECK(reader.got.empty());
  CHECK(reader.log.empty());
  reader.take(reader.core.key(reader.now, false));
  CHECK(reader.got.empty());
  reader.now += 3s;
  reader.take(reader.core.on_time(reader.now));
  CHECK(reader.got == "one\n");
}

TEST_CASE("a line is open from its first key until it is entered or given up") {
  const auto open_after = [](std::string_view keys) {
    HumanLine line;
    line.feed(keys);
    return line.open();
  };
  CHECK_FALSE(open_after(""));
  for (const char* keys : {"a", "rm -rf x", "a\r b", "\x1B[A", "a\x7F", "a\x04"}) {
    CAPTURE(keys);
    CHECK(open_after(keys));
  }
  for (const char* keys : {"\r", "ls\r", "ls\n", "a\x03", "a\x15", "a\x1C", "\x04", "\x0C"}) {
    CAPTURE(keys);
    CHECK_FALSE(open_after(keys));
  }
}

}  // namespace relay::pty
