// The completion in the real shells, as a person at a terminal meets it: words are typed, Tab is
// pressed, and the line that stands there then is looked at.
#include <fstream>

#include "integration/serve_world.hpp"
#include "support/pty_driver.hpp"
#include "support/skipped.hpp"

namespace relay::test {
namespace {

struct TabCase {
  const char* typed;
  /// The whole line behind the program's name after Tab.
  const char* line;
  /// A broker is asked for it. A shell waits for that only for a moment: where nothing came, Tab is
  /// pressed again.
  bool is_live = false;
};

/// With the agent ada, and a directory that has notes.txt and docs/.
constexpr TabCase kTabs[] = {
    {"snaps", "snapshot "},
    {"serve --rol", "serve --role "},
    {"snapshot a", "snapshot ada ", true},
    {"--json snapshot a", "--json snapshot ada ", true},
    {"snapshot --format=sv", "snapshot --format=svg "},
    {"release --instance= a", "release --instance= ada ", true},
    {"--config no", "--config notes.txt "},
    {"--config=no", "--config=notes.txt "},
    {"spawn --cwd do", "spawn --cwd docs/"},
    {"enroll --workspace-key @no", "enroll --workspace-key @notes.txt "},
    {"enroll --workspace-key=@no", "enroll --workspace-key=@notes.txt "},
    {"token set node_x @do", "token set node_x @docs/"},
    {"token set node_x @no", "token set node_x @notes.txt "},
    {"wrap relay-b", "wrap relay-broker "},
    {"help token ver", "help token verify "},
    // Nothing that could be meant: no file of the directory either.
    {"release ada a", "release ada a"},
    {"send ada no", "send ada no"},
    {"snapshot --instance nowhere a", "snapshot --instance nowhere a"},
};

struct ShellUser : User {
  ShellUser() {
    // A folder that has nothing else that begins like it.
    std::filesystem::create_directory(temp / "bin");
    std::filesystem::create_symlink(relay_broker(), temp / "bin" / "relay-broker");
    environment.set("PATH", (temp / "bin").string() + ":/usr/bin:/bin");
    environment.set("TERM", "xterm");
    environment.set("INPUTRC", "/dev/null");
    environment.set("HISTFILE", "");
    std::ofstream(directory / "notes.txt") << "notes\n";
    std::filesystem::create_directory(directory / "docs");
  }
  [[nodiscard]] static bool has(const std::string& shell) {
    if (std::filesystem::exists("/usr/bin/" + shell)) return true;
    skip_row("C9-9", "there is no " + shell + " here");
    return false;
  }
  [[nodiscard]] os::Command shell(std::vector<std::string> words) const {
    os::Command made{std::move(words), environment};
    made.working_directory = directory;
    return made;
  }
  /// `setup` binds Ctrl-T to print the line between < and >, and says ready.
  void check_tabs(PtyDriver& driver, const std::string& setup) const {
    driver.type(setup);
    driver.wait_for("re-ady");
    for (const TabCase& each : kTabs) {
      CAPTURE(each.typed);
      std::string line;
      const auto is_answered = [&] {
        line = line_of(driver, each.typed);
        return !each.is_live || line != each.typed;
      };
      wait_until(is_answered, std::string("completed: ") + each.typed);
      CHECK(line == each.line);
    }
  }
  /// What stands in the line after Tab, behind the program's name.
  static std::string line_of(PtyDriver& driver, const std::string& typed) {
    driver.type("relay-broker " + typed + "\t\x14");
    const std::string shown = driver.wait_match("<relay-broker [^>]*>");
    driver.type("\x15");
    const std::size_t program = std::string("<relay-broker ").size();
    return shown.substr(program, shown.size() - program - 1);
  }
};

const std::string kBashSetup =
    "PS1='$ '; bind 'set enable-bracketed-paste off'; source <(relay-broker completion bash); "
    R"sh(bind -x '"\C-t": printf "<%s>" "$READLINE_LINE"'; echo re-a""dy)sh"
    "\r";
const std::string kZshBegin =
    "PS1='%% '; bindkey -e; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; ";
const std::string kZshKeys =
    "show() { print -rn -- \"<$BUFFER>\" }; zle -N show; bindkey '^T' show; echo re-a\"\"dy\r";

}  // namespace

TEST_CASE_FIXTURE(ShellUser, "Tab in bash") {
  if (!has("bash")) return;
  serve();
  spawn_reader("ada");
  PtyDriver driver(shell({"/usr/bin/bash", "--noprofile", "--norc", "-i"}), {200, 24});
  check_tabs(driver, kBashSetup);
  CHECK(line_of(driver, "enroll --workspace-key ") == "enroll --workspace-key @");
  REQUIRE(run({"stop"}).status.as_shell() == 0);
  CHECK(line_of(driver, "snapshot a") == "snapshot a");
  driver.type("exit\r");
  CHECK(driver.wait_end().as_shell() == 0);
  CHECK(driver.transcript().find("error") == std::string::npos);
}

TEST_CASE_FIXTURE(ShellUser, "Tab in zsh") {
  if (!has("zsh")) return;
  serve();
  spawn_reader("ada");
  PtyDriver driver(shell({"/usr/bin/zsh", "-f", "-i"}), {200, 24});
  check_tabs(driver, kZshBegin + "source <(relay-broker completion zsh); " + kZshKeys);
  CHECK(line_of(driver, "wrap relay-broker snaps") == "wrap relay-broker snapshot ");
  REQUIRE(run({"stop"}).status.as_shell() == 0);
  CHECK(line_of(driver, "snapshot a") == "snapshot a");
  driver.type("exit\r");
  CHECK(driver.wait_end().as_shell() == 0);
  CHECK(driver.transcript().find("error") == std::string::npos);
}

TEST_CASE_FIXTURE(ShellUser, "Tab in zsh and fish that find the script where a package puts it") {
  const std::string home = environment.get("HOME").value();
  const auto install = [&](const std::string& name, const std::string& as) {
    const os::Path file = os::Path(home) / as;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << run({"completion", name}).out;
  };
  if (has("zsh")) {
    install("zsh", "functions/_relay-broker");
    PtyDriver driver(shell({"/usr/bin/zsh", "-f", "-i"}), {200, 24});
    driver.type("fpath=(~/functions $fpath); " + kZshBegin + kZshKeys);
    driver.wait_for("re-ady");
    for (int time = 0; time < 3; ++time) CHECK(line_of(driver, "snaps") == "snapshot ");
  }
  if (has("fish")) {
    install("fish", ".config/fish/completions/relay-broker.fish");
    environment.unset("XDG_CONFIG_HOME");
    const std::string script = "complete -C 'relay-broker snaps' | string split -f1 \\t";
    CHECK(run_program(shell({"/usr/bin/fish", "-c", script})).out == "snapshot\n");
  }
}

TEST_CASE_FIXTURE(ShellUser, "Tab in fish, by its own list of what it would offer") {
  if (!has("fish")) return;
  serve();
  spawn_reader("ada");
  std::string script = "relay-broker completion fish | source\n";
  std::string wanted;
  for (const TabCase& each : kTabs) {
    script += "complete -C 'relay-broker " + std::string(each.typed) + "' | string split -f1 \\t\n";
    script += "echo .\n";
    const std::string line = each.line;
    const bool offered = line != each.typed;
    // It names the last word, without the blank behind it.
    const auto last = line.find_last_of(' ', line.size() - 2);
    const std::string word = line.substr(last == std::string::npos ? 0 : last + 1);
    if (offered) wanted += word.substr(0, word.find(' ')) + "\n";
    wanted += ".\n";
  }
  script += "complete -C 'relay-broker wrap relay-broker snaps' | string split -f1 \\t\n";
  wanted += "snapshot\n";
  const auto live = std::count_if(std::begin(kTabs), std::end(kTabs),
                                  [](const TabCase& each) { return each.is_live; });
  std::string offered;
  std::string said;
  const auto is_answered = [&] {
    const auto asked = run_program(shell({"/usr/bin/fish", "--no-config", "-c", script}));
    offered = asked.out;
    said = asked.err;
    return times(offered, "ada\n") >= static_cast<std::size_t>(live);
  };
  wait_until(is_answered, "each live one completed", kPatience, [&] { return offered; });
  CHECK(offered == wanted);
  CHECK(said.empty());
}

}  // namespace relay::test
