#include "pty/injection/input_box.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "pty/injection/profile_file.hpp"

namespace relay::pty {
namespace {

Profile builtin(std::string_view name) {
  for (Profile& profile : builtin_profiles()) {
    if (profile.name == name) return profile;
  }
  FAIL("no such profile");
  return {};
}

const std::string kRule = "────────────────────────────────────────";

std::optional<InputBox> claude_box(std::vector<std::string> inside) {
  ScreenText screen;
  screen.rows = {"Claude Code v2.1.197", "", "> an earlier question", "", "● an answer", kRule};
  for (auto& row : inside) screen.rows.push_back(std::move(row));
  screen.rows.push_back(kRule);
  screen.rows.emplace_back("  ? for shortcuts");
  return find_box(builtin("claude").box, screen);
}

}  // namespace

TEST_CASE("Claude's box: between the last two rules, behind the sign") {
  CHECK(claude_box({"❯"})->content.empty());
  CHECK(claude_box({"❯\u00A0"})->content.empty());
  CHECK(claude_box({"❯ half a draft"})->content == "half a draft");
  CHECK(claude_box({"❯ one", "  two", "  three"})->content == "one\ntwo\nthree");
  CHECK(claude_box({"❯ Try \"refactor x.py\""})->content.empty());
  CHECK(claude_box({"❯ [Pasted text #1 +4 lines]"})->pastes == 1);
  CHECK(claude_box({"❯ 1. Yes", "  2. No"})->menu);
  CHECK_FALSE(claude_box({"Do you want to proceed?", "❯ 1. Yes"}));
}

TEST_CASE("no box: during boot, in a transcript, with one rule only") {
  ScreenText screen;
  const BoxRule rule = builtin("claude").box;
  CHECK_FALSE(find_box(rule, screen));
  screen.rows = {"❯ text"};
  CHECK_FALSE(find_box(rule, screen));
  screen.rows = {kRule, "❯ text"};
  CHECK_FALSE(find_box(rule, screen));
}

TEST_CASE("Codex: from the last row with the sign to the next empty one") {
  const BoxRule rule = builtin("codex").box;
  ScreenText screen;
  screen.rows = {"› an earlier question",      "", "• answer",           "",
                 "› Ask Codex to do anything", "", "  100% context left"};
  CHECK(find_box(rule, screen)->content.empty());
  screen.rows[4] = "› first";
  screen.rows[5] = "  second";
  screen.rows.insert(screen.rows.begin() + 6, "");
  CHECK(find_box(rule, screen)->content == "first\nsecond");
  screen.rows[4] = "› [Pasted Content 4077 chars]";
  CHECK(find_box(rule, screen)->pastes == 1);
}

TEST_CASE("Codex: a text of several lines has empty ones, and stands above the footer") {
  ScreenText screen;
  screen.rows = {"• answer 1",
                 "",
                 "› Relay message from tester [direct, id m0001, mark ab35dfc4]:",
                 "  MSG-0001 of five lines",
                 "",
                 "      four spaces",
                 "  END-0001",
                 "  [end ab35dfc4]",
                 "",
                 "  mock-model default · /tmp/work",
                 "  tab to queue message"};
  const auto box = find_box(builtin("codex").box, screen);
  REQUIRE(box);
  CHECK(shows(*box, tail_of("    four spaces\nEND-0001\n[end ab35dfc4]")));
  screen.rows[7] = "  [end ab35dfc5]";
  CHECK_FALSE(shows(*find_box(builtin("codex").box, screen), tail_of("[end ab35dfc4]")));
}

TEST_CASE("opencode: behind the bar, without the program's own last row") {
  const BoxRule rule = builtin("opencode").box;
  ScreenText screen;
  screen.rows = {"                       ┃",
                 "                       ┃  Ask anything… \"Fix broken tests\"",
                 "                       ┃",
                 "                       ┃  Build · Mock Mock",
                 "                       ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
                 "                          tab agents  ctrl+p commands"};
  REQUIRE(find_box(rule, screen));
  CHECK(find_box(rule, screen)->content.empty());
  screen.rows = {"  ┃",
                 "  ┃  an earlier message",
                 "  ┃",
                 "",
                 "  ┃",
                 "  ┃  one",
                 "  ┃",
                 "  ┃  three",
                 "  ┃",
                 "  ┃  Build · Mock Mock",
                 "  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
                 "   ■■⬝⬝⬝⬝⬝⬝  esc interrupt           tab agents  ctrl+p commands"};
  CHECK(find_box(rule, screen)->content == "one\n\nthree");
  screen.rows[5] = "  ┃  [Pasted ~7 lines]";
  CHECK(find_box(rule, screen)->pastes == 1);
  screen.rows.resize(8);
  CHECK_FALSE(find_box(rule, screen));
  screen.rows = {"  ┃                      Context", "  ┃  drafté              0 tokens",
                 "  ┃                      • LSP",   "  ┃  Build · Mock Mock   /tmp/work",
                 "  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",          "   esc interrupt         • OpenCode 1.18.33"};
  CHECK(find_box(rule, screen)->content == "drafté");
  screen.rows = {"  ┃  Build · Mock Mock", "  ╹▀▀▀▀"};
  CHECK_FALSE(find_box(rule, screen));
}

TEST_CASE("a frame, and the row under the cursor") {
  ScreenText screen;
  screen.rows = {"╭──────╮",     "│ old  │",     "╰──────╯",     "╭──────────╮",
                 "│ > hello  │", "│   you    │", "╰──────────╯", "status"};
  CHECK(find_box(builtin("gemini").box, screen)->content == "hello\nyou");
  screen.rows = {"aider v1", "", "> fix it"};
  screen.cursor_row = 2;
  CHECK(find_box(builtin("aider").box, screen)->content == "fix it");
  screen.cursor_row = 0;
  CHECK_FALSE(find_box(builtin("aider").box, screen));
  screen.cursor_row = 99;
  CHECK_FALSE(find_box(builtin("aider").box, screen));
}

TEST_CASE("a faint hint is no content, whatever it says") {
  ScreenText screen;
  screen.rows = {kRule, "❯ write tests for it", kRule};
  screen.solid = {kRule, "❯ w", kRule};
  CHECK(find_box(builtin("claude").box, screen)->content.empty());
  screen.solid[1] = "❯ wr";
  CHECK(find_box(builtin("claude").box, screen)->content == "write tests for it");
}

TEST_CASE("a text is known by its end, however the program wraps it") {
  const std::string tail =
      tail_of("Relay message from a [direct, id 1, mark 0badcafe]: hello [end 0badcafe]");
  CHECK(tail.size() == 48);
  InputBox box;
  box.reach =
      squeezed("Relay message from a [direct, id 1, mark\n0badcafe]: hel\nlo [end 0bad\ncafe]");
  CHECK(shows(box, tail));
  box.reach = "lo[end0badcafe]";
  CHECK_FALSE(shows(box, tail));
  box.pastes = 1;
  CHECK(shows(box, tail));
  CHECK(tail_of("  ").empty());
  CHECK(tail_of("a b").size() == 2);
  CHECK(tail_of(std::string(30, 'x') + "ééééééééééééééééééééééééééé").size() <= 48);
  CHECK_FALSE(shows(InputBox{}, ""));
}

}  // namespace relay::pty
