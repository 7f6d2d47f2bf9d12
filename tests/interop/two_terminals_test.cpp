// Two people's terminals (tmux is the terminal), in two directories, and nothing set up: `wrap`
// with Claude Code in one, with Codex in the other. Each agent is told by its model to write to the
// other one, by our message tools, and each one's model gets to read what the other one wrote.
#include "clis/agent_cli.hpp"
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "support/keeper_world.hpp"
#include "support/run_binary.hpp"
#include "support/skipped.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

namespace relay::test {
namespace {

constexpr Duration kAgentWithin = std::chrono::seconds(120);

/// A model on loopback that has its agent call send_dm once, with these arguments.
class TellingModel {
 public:
  explicit TellingModel(const std::string& arguments)
      : program_(
            os::Command({"/bin/sh", "-c", "tail -f /dev/null | node \"$@\"", "model",
                         (std::filesystem::path(INTEROP_DIR) / "clis/model_server.mjs").string(),
                         "--call", "send_dm", arguments},
                        os::Environment::of_process())) {
    program_.wait_for("{\"port\":");
    program_.wait_for("}");
    port_ = static_cast<std::uint16_t>(std::stoi(program_.out().substr(8)));
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Until the agent has been given a text with these words.
  void wait_asked(std::string_view words) { program_.wait_for(words, kAgentWithin); }
  [[nodiscard]] const std::string& told() const { return program_.out(); }

 private:
  RunningProgram program_;
  std::uint16_t port_ = 0;
};

struct Desk {
  ~Desk() {
    (void)tmux({"kill-server"});
    for (const pid_t pid : alive_with(temp.path().string())) ::kill(pid, SIGTERM);
    CHECK(wait_none(temp.path().string()).empty());
  }
  [[nodiscard]] RunResult tmux(std::vector<std::string> words) const {
    words.insert(words.begin(), {"tmux", "-f", "/dev/null", "-S", (temp / "tmux").string()});
    return run_program(os::Command(std::move(words), os::Environment::of_process()));
  }
  /// `wrap` in a terminal of its own, as a person would type it there.
  void wrap(const std::string& name, interop::Launch launch) const {
    for (const std::string& pair : temp.environment().entries()) {
      const auto at = pair.find('=');
      const bool place = pair.starts_with("XDG_");
      if (place) launch.environment.set(pair.substr(0, at), pair.substr(at + 1));
    }
    std::vector<std::string> words{"new-session", "-d", "-s", name, "-x", "120", "-y", "40"};
    words.insert(words.end(), {"-c", launch.cwd.string(), "env", "-i"});
    for (const std::string& pair : launch.environment.entries()) words.push_back(pair);
    words.insert(words.end(), {relay_broker().string(), "wrap", "--name", name});
    words.insert(words.end(), launch.argv.begin(), launch.argv.end());
    const auto started = tmux(std::move(words));
    CAPTURE(started.err);
    REQUIRE(started.status.as_shell() == 0);
  }
  [[nodiscard]] std::string shown(const std::string& name) const {
    return tmux({"capture-pane", "-p", "-t", name}).out;
  }
  [[nodiscard]] RunResult relay(const os::Path& directory,
                                const std::vector<std::string>& words) const {
    os::Command command = binary_command(words, temp.environment());
    command.working_directory = directory;
    return run_program(std::move(command));
  }
  /// Until the broker of that directory has the agent.
  void wait_there(const os::Path& directory, const std::string& name) const {
    std::string seen;
    const auto has_it = [&] {
      const auto status = relay(directory, {"status", "--json"});
      seen = status.out + status.err;
      return seen.find("\"name\":\"" + name + "\"") != std::string::npos;
    };
    wait_until(has_it, name + " is there", kAgentWithin, [&] { return seen + shown(name); });
  }

  TempDir temp;
};

}  // namespace

TEST_CASE("two terminals, nothing but the binary: claude and codex write to each other") {
  const auto claude = interop::find_cli("claude");
  const auto codex = interop::find_cli("codex");
  if (!claude || !codex) return skip("the agent CLIs are not installed (./dev interop does that)");
  const Desk desk;
  if (desk.tmux({"-V"}).status.as_shell() != 0) return skip("tmux is not installed");
  TellingModel of_claude(R"({"to":"bert","text":"a word from claude"})");
  TellingModel of_codex(R"({"to":"ada","text":"a word from codex"})");
  const auto ada = interop::prepare(*claude, desk.temp / "ada", of_claude.port(), false);
  const auto bert = interop::prepare(*codex, desk.temp / "bert", of_codex.port(), false);
  desk.wrap("ada", ada);
  desk.wrap("bert", bert);
  desk.wait_there(ada.cwd, "ada");
  desk.wait_there(bert.cwd, "bert");
  REQUIRE(desk.relay(ada.cwd, {"send", "ada", "say a word to bert"}).status.as_shell() == 0);
  try {
    of_codex.wait_asked("a word from claude");
    of_claude.wait_asked("a word from codex");
  } catch (const std::exception& late) {
    FAIL(std::string(late.what()) << "\nada:\n"
                                  << desk.shown("ada") << "\nbert:\n"
                                  << desk.shown("bert")
                                  << "\nthe model of claude: " << of_claude.told()
                                  << "\nthe model of codex: " << of_codex.told());
  }
  MESSAGE("claude " << claude->version << " and codex " << codex->version
                    << " have read each other's words");
}

}  // namespace relay::test
