// A user of `serve` and of the commands that ask it: the built program, real agents, an engine that
// the test plays.
#pragma once

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

#include "support/fake_engine_thread.hpp"
#include "support/keeper_world.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"
#include "wire/json.hpp"

namespace relay::test {

/// A reader of lines: what it reads it prints again behind "got ".
inline constexpr const char* kReader = "stty -echo; while read -r l; do echo \"got $l\"; done";

inline std::size_t times(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

inline std::string text_at(const std::string& json, std::string_view pointer) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  REQUIRE(document);
  const auto value = document->root().at(pointer);
  return value ? std::string(value->string().value_or(value->json().text())) : "absent";
}

/// A directory, and a person in it.
struct Project {
  [[nodiscard]] os::Command command(const std::vector<std::string>& arguments) const {
    os::Command made = binary_command(arguments, environment);
    made.working_directory = directory;
    return made;
  }
  [[nodiscard]] RunResult run(const std::vector<std::string>& arguments) const {
    return run_program(command(arguments));
  }
  /// Starts a broker and waits until it is ready.
  void serve(std::vector<std::string> more = {"--relay", "off"}) {
    more.insert(more.begin(), "serve");
    broker = std::make_unique<RunningProgram>(command(more));
    broker->wait_for("ready");
  }
  void spawn_reader(const std::string& name) const { spawn_shell(name, kReader); }
  void spawn_shell(const std::string& name, const std::string& script) const {
    const auto made =
        run({"spawn", "--name", name, "--env", "MARK=" + mark, "sh", "--", "-c", script});
    CAPTURE(made.err);
    REQUIRE(made.status.as_shell() == 0);
    CHECK(made.out == name + "\n");
  }
  /// Waits until the agent's terminal shows this.
  void wait_shown(const std::string& name, std::string_view text) const {
    std::string shown;
    const auto is_shown = [&] {
      shown = run({"snapshot", name}).out;
      // The terminal breaks lines wherever they end.
      std::erase(shown, '\n');
      return shown.find(text) != std::string::npos;
    };
    wait_until(is_shown, "shown: " + std::string(text), kPatience, [&] { return shown; });
  }
  /// What a shell is offered behind these words; asked again while that is nothing: a shell does
  /// not wait for a broker that is busy.
  [[nodiscard]] std::string completed(std::vector<std::string> words) const {
    words.insert(words.begin(), {"__complete", "--"});
    std::string offered;
    wait_until([&] { return !(offered = run(words).out).empty(); }, "something is offered");
    return offered;
  }
  [[nodiscard]] std::string agent_field(const std::string& pointer) const {
    return text_at(run({"status", "--json"}).out, "/agents/0" + pointer);
  }

  os::Environment environment;
  std::filesystem::path directory;
  /// What all agents have in their environment.
  std::string mark;
  std::unique_ptr<RunningProgram> broker;
};

/// A project on a machine of its own.
struct User : Project {
  User() {
    environment = temp.environment();
    directory = temp / "project";
    mark = temp.path().string();
    std::filesystem::create_directory(directory);
  }
  ~User() {
    broker.reset();
    // Whatever a test left: the keeper ends its agents.
    for (const pid_t pid : alive_with(temp.path().string())) ::kill(pid, SIGTERM);
    CHECK(wait_none(temp.path().string()).empty());
  }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  TempDir temp;
};

struct Member : User {
  Member() {
    environment.set("RELAY_BROKER_WORKSPACE_KEY", FakeState::kWorkspaceKey);
    environment.set("RELAY_BROKER_ENGINE", engine.url());
  }
  void dm(std::string text) {
    engine.call([text = std::move(text)](FakeEngine& e) {
      e.dm("bob", "ada", text);
      return 0;
    });
  }
  FakeEngineThread engine;
};

}  // namespace relay::test
