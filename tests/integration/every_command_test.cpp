// Every command that the help lists, groups taken apart: its page, what it says with and without a
// broker, with and without --json, and which names it completes. A command without a row fails.
#include <fstream>
#include <map>
#include <set>

#include "integration/serve_world.hpp"

namespace relay::test {
namespace {

using Words = std::vector<std::string>;

enum class Says { json, text, lines };

/// One command as it is usually given.
struct CommandRow {
  CommandRow(Words given_in, int without_in, int with_in, Says says_in = Says::json)
      : given(std::move(given_in)), without(without_in), with(with_in), says(says_in) {}
  /// Behind the command's own words.
  Words given;
  /// Exit statuses without a broker, and with one that has the agent ada.
  int without;
  int with;
  /// What --json makes of its output when it went well.
  Says says;
};

const std::map<std::string, CommandRow>& command_rows() {
  static const std::map<std::string, CommandRow> all{
      {"serve", {{"--print-connection"}, 3, 0}},
      {"wrap", {{"--no-inject", "true"}, 0, 0, Says::text}},
      {"enroll", {{"--check"}, 4, 0}},
      {"spawn", {{"--name", "zoe", "cat"}, 3, 0}},
      {"release", {{"zoe"}, 3, 0}},
      {"send", {{"ada", "hello"}, 3, 0}},
      {"inbox", {{"--agent", "ada"}, 3, 0}},
      {"status", {{}, 3, 0}},
      {"stop", {{}, 3, 0}},
      // Its output is no terminal here.
      {"attach", {{"ada", "--view"}, 2, 2}},
      {"snapshot", {{"ada"}, 3, 0}},
      // Its input is at its end at once.
      {"mcp", {{}, 0, 0, Says::lines}},
      {"dead-letters list", {{}, 3, 0}},
      {"dead-letters redeliver", {{"7"}, 3, 5}},
      {"dead-letters drop", {{"7"}, 3, 5}},
      {"doctor", {{}, 0, 0}},
      {"completion", {{"bash"}, 0, 0, Says::text}},
      {"help", {{"spawn"}, 0, 0, Says::text}},
      {"token list", {{}, 0, 0}},
      {"token show", {{}, 4, 0}},
      {"token path", {{}, 4, 0}},
      {"token set", {{"node_x", "@/nowhere", "--engine", "http://127.0.0.1:9"}, 5, 5}},
      {"token mint", {{}, 2, 2}},
      {"token verify", {{}, 4, 0}},
      {"token revoke", {{"--node", "node_nobody"}, 2, 2}},
      {"token clear", {{"--node", "node_nobody"}, 2, 2}},
  };
  return all;
}

/// The names under "Commands:" of a page.
Words names_listed(const std::string& page) {
  Words names;
  std::size_t at = page.find("Commands:\n");
  if (at == std::string::npos) return names;
  for (at = page.find('\n', at) + 1; page.compare(at, 2, "  ") == 0; at = page.find('\n', at) + 1) {
    names.push_back(page.substr(at + 2, page.find(' ', at + 2) - at - 2));
  }
  return names;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

Words words_of_command(const std::string& command) {
  const auto space = command.find(' ');
  if (space == std::string::npos) return {command};
  return {command.substr(0, space), command.substr(space + 1)};
}

bool is_one_document(const std::string& out) {
  return wire::JsonDocument::parse(out, wire::kEngineLimits).has_value();
}

/// Nothing but errors, hints and notes, and no control characters.
bool is_for_people(const std::string& err) {
  for (std::size_t at = 0; at < err.size();) {
    const std::string line = err.substr(at, err.find('\n', at) - at);
    at += line.size() + 1;
    const bool known = line.starts_with("error: ") || line.starts_with("hint: ") ||
                       line.starts_with("note: ") || line.starts_with("warning: ");
    if (!known || line.find('\x1b') != std::string::npos) return false;
  }
  return true;
}

struct Walker : User {
  /// Every command that does something, "token list" in one.
  [[nodiscard]] Words commands() const {
    Words all;
    for (const auto& name : names_listed(run({"--help"}).out)) {
      const auto inner = names_listed(run({name, "--help"}).out);
      if (inner.empty()) all.push_back(name);
      for (const auto& each : inner) all.push_back(name + " " + each);
    }
    all.emplace_back("help");
    return all;
  }
  [[nodiscard]] static Words line(const std::string& command, Words more) {
    Words words = words_of_command(command);
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void check_page(const std::string& command) const {
    const auto page = run(line(command, {"--help"}));
    CHECK(page.status.as_shell() == 0);
    CHECK(page.err.empty());
    CHECK(page.out.find("Usage: relay-broker " + command) != std::string::npos);
    CHECK(lines_of(page.out) <= 24);
    const auto examples = page.out.find("Examples:\n");
    REQUIRE(examples != std::string::npos);
    CHECK(lines_of(page.out.substr(examples)) >= 3);
  }
  void check_wrong_usage(const std::string& command) const {
    const auto told = run(line(command, {"--no-such-option"}));
    CHECK(told.status.as_shell() == 2);
    CHECK(told.out.empty());
    CHECK(is_for_people(told.err));
    CHECK(told.err.find("\nhint: ") != std::string::npos);
    const auto json = run(line(command, {"--no-such-option", "--json"}));
    CHECK(json.status.as_shell() == 2);
    CHECK(json.err.empty());
    CHECK(text_at(json.out, "/error/code") == "invalid_argument");
  }
  /// As it is usually given: for programs, and perhaps for people, too.
  void check_given(const std::string& command, const CommandRow& row, int status,
                   bool also_for_people) const {
    Words words = line(command, {});
    words.emplace_back("--json");
    words.insert(words.end(), row.given.begin(), row.given.end());
    const auto json = run(words);
    CAPTURE(json.out);
    CAPTURE(json.err);
    CHECK(json.status.as_shell() == status);
    if (status != 0 || row.says == Says::json) CHECK(is_one_document(json.out));
    if (status != 0 && row.says == Says::json && command.find("dead-letters") != 0) {
      CHECK(text_at(json.out, "/error/code") != "absent");
    }
    if (status != 0) CHECK(json.err.empty());
    if (!also_for_people) return;
    const auto plain = run(line(command, row.given));
    CAPTURE(plain.err);
    CHECK(plain.status.as_shell() == status);
    CHECK(is_for_people(plain.err));
    if (status != 0) CHECK(plain.err.starts_with("error: "));
    CHECK(plain.out.find('\x1b') == std::string::npos);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Walker, "every command: its page, wrong usage, and a machine without a broker") {
  std::set<std::string> seen;
  for (const std::string& command : commands()) {
    CAPTURE(command);
    seen.insert(command);
    const auto row = command_rows().find(command);
    REQUIRE_MESSAGE(row != command_rows().end(), "has no row here");
    check_page(command);
    // It takes every word as it is.
    if (command != "wrap") check_wrong_usage(command);
    check_given(command, row->second, row->second.without, true);
  }
  CHECK(seen.size() == command_rows().size());
  for (const char* word : {"release", "attach", "snapshot", "send", "token"}) {
    const auto completed = run({"__complete", "--", word, ""});
    CHECK(completed.status.as_shell() == 0);
    CHECK(completed.err.empty());
  }
}

TEST_CASE_FIXTURE(Walker, "every command with a broker: one JSON document, and its exit status") {
  serve({});
  spawn_reader("ada");
  Words all = commands();
  // What a command ends comes behind what needs it.
  const auto last = [&all](const std::string& name) {
    const auto at = std::find(all.begin(), all.end(), name);
    REQUIRE(at != all.end());
    std::rotate(at, at + 1, all.end());
  };
  last("release");
  last("stop");
  for (const std::string& command : all) {
    CAPTURE(command);
    const CommandRow& row = command_rows().at(command);
    check_given(command, row, row.with, false);
  }
}

TEST_CASE_FIXTURE(Walker, "names are looked up at the broker that the command would ask") {
  serve({"--relay", "off", "--instance", "shop"});
  REQUIRE(run({"spawn", "--instance", "shop", "--name", "ada", "--env",
               "MARK=" + temp.path().string(), "sh", "--", "-c", kReader})
              .status.as_shell() == 0);
  // This directory has a broker of its own once more.
  RunningProgram here(command({"serve", "--relay", "off"}));
  here.wait_for("ready");
  const Words words{"__complete", "--", "send", "a"};
  CHECK(run(words).out.empty());
  environment.set("RELAY_AGENT_BROKER", "shop");
  CHECK(completed({"send", "a"}) == "ada\t\n");
  environment.unset("RELAY_AGENT_BROKER");
  std::ofstream(temp / "settings.toml") << "instance = \"shop\"\n";
  environment.set("RELAY_BROKER_CONFIG", (temp / "settings.toml").string());
  CHECK(completed({"send", "a"}) == "ada\t\n");
  environment.unset("RELAY_BROKER_CONFIG");
  CHECK(run({"stop"}).status.as_shell() == 0);
}

TEST_CASE_FIXTURE(Walker, "live names are completed wherever one is meant") {
  serve();
  spawn_reader("ada");
  for (const Words& typed : std::vector<Words>{{"attach", "a"},
                                               {"snapshot", "a"},
                                               {"release", "a"},
                                               {"send", "a"},
                                               {"inbox", "--agent", "a"},
                                               {"send", "ada", "x", "--from", "a"}}) {
    CAPTURE(typed.front());
    CHECK(completed(typed) == "ada\t\n");
  }
}

}  // namespace relay::test
