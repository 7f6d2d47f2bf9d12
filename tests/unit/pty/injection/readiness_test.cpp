#include "pty/injection/readiness.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "pty/injection/profile_file.hpp"

namespace relay::pty {
namespace {

View look_as(std::string_view name, std::vector<std::string> rows) {
  const auto all = builtin_profiles();
  ScreenText screen;
  screen.rows = std::move(rows);
  return look(profile_for(all, name), screen);
}

const std::string kReadinessRule = "──────────────────────────────";

}  // namespace

TEST_CASE("Claude: booting, ready, busy, and what is in the way") {
  CHECK(look_as("claude", {}).readiness == Readiness::booting);
  CHECK(look_as("claude", {"Claude Code v2.1.197"}).readiness == Readiness::booting);
  CHECK(look_as("claude", {kReadinessRule, "❯", kReadinessRule}).readiness == Readiness::ready);
  const View busy =
      look_as("claude", {"* Thinking (3s, esc to interrupt)", kReadinessRule, "❯", kReadinessRule});
  CHECK(busy.readiness == Readiness::busy);
  CHECK(busy.turn);
  const View trust = look_as("claude", {kReadinessRule, "Do you trust the files in this folder?",
                                        "❯ 1. Yes, proceed", "  2. No, exit"});
  CHECK(trust.readiness == Readiness::blocked);
  CHECK(trust.dialog_name == "trust this folder");
  CHECK(trust.choice == "❯ 1. Yes, proceed");
  const View safety = look_as(
      "claude", {kReadinessRule, " Accessing workspace:", " /tmp/home/work",
                 " Quick safety check: Is this a project you created or one you trust?",
                 " Claude Code'll be able to read, edit, and execute files here.", " ❯ No, exit",
                 "   Yes, I trust this folder", " Enter to confirm · Esc to cancel"});
  CHECK(safety.dialog_name == "trust this folder");
  CHECK(safety.choice == "❯ No, exit");
  const View allow = look_as("claude", {"Do you want to make this edit?", "❯ 1. Yes", "  2. No"});
  CHECK(allow.readiness == Readiness::blocked);
  CHECK(allow.dialog_name == "permission");
}

TEST_CASE("Claude: its hint is gone while there is text in the box, its sign of work is not") {
  const View view = look_as(
      "claude", {"● answer 1", "✢ Determining…", "  ⎿  Tip: Start small", kReadinessRule,
                 "❯ Relay message", kReadinessRule, "  ⏵⏵ auto mode on (shift+tab to cycle)"});
  CHECK(view.readiness == Readiness::busy);
  CHECK(view.turn);
  CHECK(look_as("claude", {"✻ Sautéed for 1s · done 3:59 PM", kReadinessRule, "❯", kReadinessRule})
            .readiness == Readiness::ready);
}

TEST_CASE("Codex: what it keeps for later is not overtaken, and it takes nothing before it is up") {
  std::vector<std::string> rows{"• Working (0s • esc to interrupt)",
                                "",
                                "• Queued follow-up inputs",
                                "  ↳ Relay message from tester [direct, id m0002, mark 96c199ef]",
                                "    shift+← edit last queued message",
                                "",
                                "› Ask Codex to do anything"};
  const View view = look_as("codex", rows);
  CHECK(view.readiness == Readiness::busy);
  CHECK(view.hold);
  rows[2] = "• Messages to be submitted after next tool call (press esc to interrupt)";
  CHECK_FALSE(look_as("codex", rows).hold);
  CHECK(look_as("codex", {"› Ask Codex to do anything", "", "  Waiting for startup  · esc cancel"})
            .readiness == Readiness::booting);
}

TEST_CASE("opencode: ready with its box, busy with its sign, whatever else its last row says") {
  std::vector<std::string> rows{"  ┃",
                                "  ┃",
                                "  ┃",
                                "  ┃  Build · Mock Mock",
                                "  ╹▀▀▀▀▀▀▀▀▀▀▀▀",
                                "   ⬝⬝⬝ Cannot connect to API: Unable to connect. [retrying in 2s"};
  CHECK(look_as("opencode", rows).readiness == Readiness::ready);
  rows[5] = "   ■■⬝⬝⬝⬝⬝⬝  esc interrupt           tab agents  ctrl+p commands";
  CHECK(look_as("opencode", rows).readiness == Readiness::busy);
}

TEST_CASE("words of a dialog in the conversation are no dialog while the box is there") {
  const View view = look_as("claude", {"He said: Do you want to go? 1. Yes",
                                       "Do you trust this folder? Yes, sure / No, exit",
                                       kReadinessRule, "❯", kReadinessRule});
  CHECK(view.readiness == Readiness::ready);
}

TEST_CASE("a menu that nobody described blocks as well") {
  const View view = look_as("codex", {"Pick one", "", "› 1. Alpha", "  2. Beta"});
  CHECK(view.readiness == Readiness::blocked);
  CHECK(view.dialog_name == "menu");
  CHECK_FALSE(view.box);
}

TEST_CASE("Codex boots until its MCP servers are up; its trust question vetoes the sign") {
  CHECK(
      look_as("codex", {"Booting MCP server: relay", "", "› Ask Codex to do anything"}).readiness ==
      Readiness::booting);
  CHECK(look_as("codex", {"› Ask Codex to do anything"}).readiness == Readiness::ready);
  const View trust = look_as("codex", {"Do you trust the contents of this directory?",
                                       "› 1. Yes, continue", "  2. No, quit"});
  CHECK(trust.dialog_name == "trust this directory");
}

TEST_CASE("Gemini waits for its login; a program without a box is ready at once") {
  CHECK(look_as("gemini", {"Waiting for auth... (Press ESC)", "╭────╮",
                           "│ > Type your message or @path/to/file │", "╰────╯"})
            .readiness == Readiness::booting);
  CHECK(look_as("gemini", {"╭────╮", "│ > Type your message or @path/to/file │", "╰────╯"})
            .readiness == Readiness::ready);
  CHECK(look_as("cat", {}).readiness == Readiness::ready);
  CHECK(name_of(Readiness::blocked) == "blocked");
}

TEST_CASE("a text is found anywhere on the screen") {
  ScreenText screen;
  screen.rows = {"> Relay message [end", "  0badcafe]", ""};
  CHECK(on_screen(screen, tail_of("Relay message [end 0badcafe]")));
  CHECK_FALSE(on_screen(screen, tail_of("Relay message [end 0badcaff]")));
  CHECK_FALSE(on_screen(screen, ""));
}

}  // namespace relay::pty
