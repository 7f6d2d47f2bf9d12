// A person's configuration file, and a start without any key under the peer's name.
#include <fstream>
#include <sys/stat.h>

#include "integration/serve_world.hpp"

namespace relay::test {
namespace {

struct Settler : User {
  void configure(const std::string& text) const {
    const auto place = temp / "config" / "relay-broker";
    std::filesystem::create_directories(place);
    std::ofstream(place / "config.toml") << text;
  }
  /// What doctor says of the file: "ok", "fail …".
  [[nodiscard]] std::string checked() const {
    const auto found = run({"doctor", "--json"});
    const auto document = wire::JsonDocument::parse(found.out, wire::kEngineLimits);
    REQUIRE(document);
    for (const auto& one : document->root().at("/checks")->elements()) {
      if (one.find("id")->string() != "config") continue;
      return std::string(*one.find("result")->string()) + " " +
             std::string(*one.find("what")->string());
    }
    return "no check of the configuration";
  }
};

bool tells(const RunResult& result, const std::string& words) {
  return result.err.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Settler, "settings of the file count behind what is typed and the environment") {
  configure("[serve]\nrelay = \"off\"\nmax-agents = 1\n[spawn]\nenv = [\"COLOUR=red\"]\n");
  serve({});
  CHECK(broker->out().find("engine none") != std::string::npos);
  CHECK(run({"spawn", "--name", "ada", "sh", "--", "-c", "echo it is $COLOUR; exec cat"})
            .status.as_shell() == 0);
  wait_shown("ada", "it is red");
  const auto one_more = run({"spawn", "--name", "bert", "cat"});
  CAPTURE(one_more.err);
  CHECK(one_more.status.as_shell() == 75);
  CHECK(run({"stop"}).status.as_shell() == 0);
  (void)broker->wait_end();
  environment.set("AGENT_RELAY_NODE_MAX_AGENTS", "2");
  serve({});
  for (const char* name : {"ada", "bert"}) {
    CHECK(run({"spawn", "--name", name, "cat"}).status.as_shell() == 0);
  }
  CHECK(run({"spawn", "--name", "carl", "cat"}).status.as_shell() == 75);
  CHECK(checked().starts_with("ok "));
}

TEST_CASE_FIXTURE(Settler, "a mistake in the file is an error with its line, and doctor tells it") {
  CHECK(checked() == "ok no configuration file");
  configure("\n[serve]\nmaxagents = 1\n");
  const auto wrong = run({"status"});
  CHECK(wrong.status.as_shell() == 2);
  CHECK(tells(wrong, "config.toml:3: there is no setting \"maxagents\" of serve"));
  CHECK(tells(wrong, "did you mean \"max-agents\"?"));
  CHECK(text_at(run({"status", "--json"}).out, "/error/code") == "invalid_argument");
  CHECK(checked().find("config.toml:3: ") != std::string::npos);
  CHECK(checked().starts_with("fail "));
  CHECK(run({"help"}).status.as_shell() == 0);
  // Another file, by option and by variable, before a command and before a wrapped program.
  const auto other = temp / "other.toml";
  std::ofstream(other) << "instance = \"elsewhere\"\n";
  const auto named = run({"--config", other.string(), "status"});
  CHECK(named.status.as_shell() == 3);
  CHECK(tells(named, "elsewhere"));
  environment.set("RELAY_BROKER_CONFIG", other.string());
  CHECK(tells(run({"status"}), "elsewhere"));
  const auto wrapped =
      run({"--config", other.string(), "wrap", "--no-inject", "sh", "-c", "echo it runs"});
  CHECK(wrapped.out == "it runs\n");
  const auto missing = run({"status", "--config", "/no/such/file"});
  CHECK(missing.status.as_shell() == 5);
  CHECK(tells(missing, "/no/such/file"));
  // Who may write it decides where the keys go.
  CHECK(::chmod(other.c_str(), 0664) == 0);
  CHECK(tells(run({"status"}), "elsewhere"));
  CHECK(::chmod(other.c_str(), 0666) == 0);
  CHECK(tells(run({"status"}), "is not used: everybody may write it"));
  CHECK(checked().find("may be written by others") != std::string::npos);
  CHECK(run({"doctor", "--fix"}).out.find("mended") != std::string::npos);
  CHECK(checked().starts_with("ok "));
}

TEST_CASE_FIXTURE(Member,
                  "under the peer's name and without a key: one workspace for a directory") {
  environment.unset("RELAY_BROKER_WORKSPACE_KEY");
  for (int time = 0; time < 2; ++time) {
    broker =
        std::make_unique<RunningProgram>(command({"init", "--instance-name", "app", "--persist"}));
    broker->wait_for("API listening on http://127.0.0.1:");
    CHECK_NOTHROW(engine.next_frame("node.register"));
    broker->signal(SIGTERM);
    CHECK(broker->wait_end().as_shell() == 0);
  }
  const auto made = engine.call([](FakeEngine& e) { return e.requests_of("POST /v1/workspaces"); });
  REQUIRE(made.size() == 1);
  CHECK(made.front().string("/name").starts_with("relay-"));
  int keys = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temp / "data")) {
    if (entry.path().extension() != ".key") continue;
    struct stat found{};
    REQUIRE(::stat(entry.path().c_str(), &found) == 0);
    CHECK((found.st_mode & 0777U) == 0600U);
    ++keys;
  }
  CHECK(keys == 1);
}

}  // namespace relay::test
