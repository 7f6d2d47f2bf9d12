// `enroll` and `token` as a user runs them: the built program in a directory of its own, against an
// engine that behaves or does not.
#include <csignal>
#include <doctest/doctest.h>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "base/text.hpp"
#include "os/system_random.hpp"
#include "support/canary.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/pty_driver.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

using Path = std::filesystem::path;

struct User {
  TempDir temp;
  FakeEngineThread engine;
  os::Environment environment = temp.environment();
  Path directory = temp / "project";
  Path data = temp / "data";

  User() {
    std::filesystem::create_directory(directory);
    environment.set("RELAY_BROKER_WORKSPACE_KEY", FakeState::kWorkspaceKey);
    environment.set("RELAY_BROKER_ENGINE", engine.url());
  }

  os::Command command(const std::vector<std::string>& arguments) const {
    os::Command made = binary_command(arguments, environment);
    made.working_directory = directory;
    return made;
  }
  RunResult run(const std::vector<std::string>& arguments, std::string input = {}) const {
    return run_program(command(arguments), std::move(input));
  }

  /// The path of every file below the data directory, locks excepted.
  std::vector<std::string> written() const {
    std::vector<std::string> found;
    if (!std::filesystem::exists(data)) return found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data)) {
      if (entry.is_directory() || entry.path().extension() == ".lock") continue;
      found.push_back(std::filesystem::relative(entry.path(), data).string());
    }
    return found;
  }
  std::size_t minted() {
    return engine.call([](FakeEngine& e) { return e.requests_of("POST /v1/nodes").size(); });
  }
  void answer(const char* pattern, const HttpScript& script) {
    engine.call([&](FakeEngine& e) {
      e.answer(pattern, script, kAlways);
      return 0;
    });
  }
};

std::string text_at(const std::string& json, std::string_view pointer) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  REQUIRE(document);
  const auto value = document->root().at(pointer);
  REQUIRE(value);
  return std::string(value->string().value_or(value->json().text()));
}

}  // namespace

TEST_CASE_FIXTURE(User, "enroll mints once, and again does nothing but ask") {
  const auto first = run({"enroll", "--json"});
  REQUIRE(first.status.as_shell() == 0);
  CHECK(first.err.empty());
  CHECK(text_at(first.out, "/minted") == "true");
  CHECK(text_at(first.out, "/engine") == engine.url());
  const std::string path = text_at(first.out, "/token_path");
  CHECK(path ==
        (data / "relay-broker/nodes" / (text_at(first.out, "/node_id") + ".json")).string());
  const auto second = run({"enroll", "--json"});
  REQUIRE(second.status.as_shell() == 0);
  CHECK(text_at(second.out, "/minted") == "false");
  CHECK(text_at(second.out, "/node_id") == text_at(first.out, "/node_id"));
  CHECK(text_at(second.out, "/node_name") == text_at(first.out, "/node_name"));
  CHECK(minted() == 1);
  const auto rotated = run({"enroll", "--json", "--rotate"});
  CHECK(text_at(rotated.out, "/minted") == "true");
  CHECK(minted() == 2);
}

TEST_CASE_FIXTURE(User,
                  "enroll --check is 0 when the token is good, 4 when it is not, 3 when unknown") {
  const auto nothing = run({"enroll", "--check", "--json"});
  CHECK(nothing.status.as_shell() == 4);
  CHECK(text_at(nothing.out, "/error/code") == "not_enrolled");
  CHECK(written().empty());

  REQUIRE(run({"enroll"}).status.as_shell() == 0);
  CHECK(run({"enroll", "--check"}).status.as_shell() == 0);
  CHECK(run({"token", "verify"}).status.as_shell() == 0);

  engine.call([](FakeEngine& e) {
    e.down();
    return 0;
  });
  CHECK(run({"enroll", "--check"}).status.as_shell() == 3);
  CHECK(run({"enroll", "--if-needed"}).status.as_shell() == 0);
  engine.call([](FakeEngine& e) {
    e.up();
    return 0;
  });

  answer("GET /v1/node/ws", HttpScript::refusal(401, "node_token_invalid"));
  const auto refused = run({"enroll", "--check", "--json"});
  CHECK(refused.status.as_shell() == 4);
  CHECK(text_at(refused.out, "/error/code") == "token_rejected");
  CHECK(run({"token", "verify"}).status.as_shell() == 4);
  CHECK(minted() == 1);
}

TEST_CASE_FIXTURE(
    User, "an engine that does not do its part: right status, real cause, nothing written") {
  struct Case {
    HttpScript script;
    int status;
    const char* cause;
  };
  const std::vector<Case> cases{
      {HttpScript::refusal(401, "unauthorized"), 4, "unauthorized"},
      {HttpScript::refusal(403, "forbidden"), 4, "forbidden"},
      {HttpScript::refusal(500, "internal_error"), 1, "internal_error"},
      {HttpScript::html(200), 1, "not what an engine sends"},
      {HttpScript::html(502), 1, "502"},
      {HttpScript::half_json(200), 1, "not what an engine sends"},
      {HttpScript::bytes("SSH-2.0-OpenSSH_9.2\r\n"), 1, "127.0.0.1"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.cause);
    engine.call([&](FakeEngine& e) {
      e.clear_scripts();
      e.answer("GET /v1/workspace", each.script, kAlways);
      return 0;
    });
    const auto failed = run({"enroll"});
    CHECK(failed.status.as_shell() == each.status);
    CHECK(failed.out.empty());
    CHECK(failed.err.find(each.cause) != std::string::npos);
    CHECK(written().empty());
  }
  engine.call([](FakeEngine& e) {
    e.clear_scripts();
    e.down();
    return 0;
  });
  const auto down = run({"enroll"});
  CHECK(down.status.as_shell() == 3);
  CHECK(down.err.find("refused") != std::string::npos);
  CHECK(written().empty());
}

TEST_CASE_FIXTURE(User, "a name conflict is 6, and no token is written") {
  answer("POST /v1/nodes", HttpScript::refusal(409, "node_name_conflict"));
  const auto failed = run({"enroll", "--name", "taken"});
  CHECK(failed.status.as_shell() == 6);
  CHECK(failed.err.find("node_name_conflict") != std::string::npos);
  CHECK(failed.err.find("--name") != std::string::npos);
  CHECK(written() == std::vector<std::string>{"relay-broker/machine-id"});
}

TEST_CASE_FIXTURE(User, "a mint whose answer is lost is told, and settled by the next enroll") {
  REQUIRE(run({"enroll"}).status.as_shell() == 0);
  engine.call([](FakeEngine& e) {
    e.answer("POST /v1/nodes", HttpScript::standard().cut_after(300));
    return 0;
  });
  const auto lost = run({"enroll", "--rotate"});
  CHECK(lost.status.as_shell() == 3);
  CHECK(lost.err.find("may have been minted") != std::string::npos);
  const auto mended = run({"enroll", "--json"});
  REQUIRE(mended.status.as_shell() == 0);
  CHECK(text_at(mended.out, "/minted") == "true");
  CHECK(mended.err.find("never saved") != std::string::npos);
  CHECK(run({"enroll", "--check"}).status.as_shell() == 0);
}

TEST_CASE_FIXTURE(User, "kill -9 while the engine mints: the next enroll knows and mends it") {
  REQUIRE(run({"enroll"}).status.as_shell() == 0);
  engine.call([](FakeEngine& e) {
    e.answer("POST /v1/nodes", HttpScript::standard().held());
    return 0;
  });
  {
    RunningProgram program(command({"enroll", "--rotate"}));
    (void)engine.next_note("held");
    program.signal(SIGKILL);
    CHECK(program.wait_end().signal() == SIGKILL);
  }
  const auto mended = run({"enroll", "--json"});
  REQUIRE(mended.status.as_shell() == 0);
  CHECK(text_at(mended.out, "/minted") == "true");
  CHECK(mended.err.find("never saved") != std::string::npos);
  CHECK(run({"enroll", "--check"}).status.as_shell() == 0);
}

TEST_CASE_FIXTURE(User, "Ctrl-C ends a slow enroll with 130 and leaves no token") {
  answer("GET /v1/workspace", HttpScript::hang());
  RunningProgram program(command({"enroll"}));
  (void)engine.next_note("hanging");
  program.signal(SIGINT);
  CHECK(program.wait_end().as_shell() == 130);
  CHECK(program.err().find("interrupted") != std::string::npos);
  CHECK(written().empty());
}

TEST_CASE_FIXTURE(User,
                  "a key that is typed is not shown, and Ctrl-C leaves the terminal as it was") {
  const std::vector<std::string> words{"enroll", "--engine", engine.url(), "--workspace-key", "-"};
  {
    PtyDriver pty(command(words));
    pty.wait_for("workspace-key (not shown): ");
    pty.type(std::string(FakeState::kWorkspaceKey) + "\r");
    CHECK(pty.wait_end() == os::ExitStatus::exited(0));
    CHECK(pty.transcript().find(FakeState::kWorkspaceKey) == std::string::npos);
    CHECK(same_mode(pty.mode(), pty.mode_before()));
  }
  PtyDriver pty(command(words));
  pty.wait_for("workspace-key (not shown): ");
  pty.type("\x03");
  CHECK(pty.wait_end().as_shell() == 130);
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(User, "two processes at once mint once") {
  RunningProgram one(command({"enroll", "--json"}));
  RunningProgram two(command({"enroll", "--json"}));
  CHECK(one.wait_end().as_shell() == 0);
  CHECK(two.wait_end().as_shell() == 0);
  CHECK(minted() == 1);
  CHECK(text_at(one.out(), "/node_id") == text_at(two.out(), "/node_id"));
  CHECK(text_at(one.out(), "/minted") != text_at(two.out(), "/minted"));
}

TEST_CASE_FIXTURE(User, "a directory is a node of its own") {
  const auto here = run({"enroll", "--json"});
  directory = temp / "other";
  std::filesystem::create_directory(directory);
  const auto there = run({"enroll", "--json"});
  REQUIRE(there.status.as_shell() == 0);
  CHECK(text_at(here.out, "/node_id") != text_at(there.out, "/node_id"));
  CHECK(text_at(here.out, "/node_name") != text_at(there.out, "/node_name"));
  CHECK(text_at(run({"token", "list", "--json"}).out, "/tokens/1/node_id").starts_with("node_"));
}

TEST_CASE_FIXTURE(User, "an operator's token is checked, kept under its id, and never rotated") {
  const auto made = run({"enroll", "--node-id", "node_01J7OP", "--json"});
  REQUIRE(made.status.as_shell() == 0);
  CHECK(text_at(made.out, "/node_id") == "node_01J7OP");
  const std::string token =
      text_at(run({"token", "show", "node_01J7OP", "--reveal", "--json"}).out, "/token");
  REQUIRE(run({"token", "clear", "node_01J7OP"}).status.as_shell() == 0);
  environment.unset("RELAY_BROKER_WORKSPACE_KEY");

  const auto bad = run({"enroll", "--node-id", "node_01J7OP", "--node-token", "-"}, "nt_live_no");
  CHECK(bad.status.as_shell() == 4);
  CHECK(run({"token", "list"}).out == "no cached tokens\n");
  const auto taken = run({"enroll", "--node-id", "node_01J7OP", "--node-token", "-"}, token);
  CHECK(taken.status.as_shell() == 0);
  CHECK(run({"enroll", "--check"}).status.as_shell() == 0);
  CHECK(minted() == 1);
}

TEST_CASE_FIXTURE(User, "a new workspace's key is kept, and enrolling again makes no second one") {
  environment.unset("RELAY_BROKER_WORKSPACE_KEY");
  const auto first = run({"enroll", "--create-workspace", "lab", "--json"});
  REQUIRE(first.status.as_shell() == 0);
  const auto second = run({"enroll", "--create-workspace", "lab", "--json"});
  REQUIRE(second.status.as_shell() == 0);
  CHECK(text_at(first.out, "/workspace_id") == text_at(second.out, "/workspace_id"));
  CHECK(run({"token", "mint"}).status.as_shell() == 0);
  CHECK(engine.call([](FakeEngine& e) { return e.requests_of("POST /v1/workspaces").size(); }) ==
        1);
  struct stat info{};
  const auto key =
      data / "relay-broker/workspaces" / (text_at(first.out, "/workspace_id") + ".key");
  REQUIRE(::stat(key.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600);
}

TEST_CASE_FIXTURE(User, "token revoke makes the token worthless and forgets it") {
  REQUIRE(run({"enroll"}).status.as_shell() == 0);
  const std::string token = text_at(run({"token", "show", "--reveal", "--json"}).out, "/token");
  CHECK(run({"token", "revoke"}).status.as_shell() == 0);
  CHECK(run({"token", "show"}).status.as_shell() == 4);
  CHECK(engine.call([&](FakeEngine& e) { return e.state().node_with_token(token) == nullptr; }));
}

TEST_CASE_FIXTURE(User, "a token file that is not safe is refused and named") {
  const auto enrolled = run({"enroll", "--json"});
  const std::string path = text_at(enrolled.out, "/token_path");
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  const auto refused = run({"enroll", "--json"});
  CHECK(refused.status.as_shell() == 4);
  CHECK(text_at(refused.out, "/error/code") == "unsafe_file");
  CHECK(text_at(refused.out, "/error/message").find(path) != std::string::npos);
  CHECK(minted() == 1);
}

TEST_CASE_FIXTURE(User, "wrong usage is 2 and a literal secret is not repeated") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"enroll", "--workspace-key", "rk_live_literal0123456789"},
           {"enroll", "--rotate", "--check"},
           {"enroll", "--engine", "nowhere"},
           {"enroll", "--name", "#boss"},
           {"enroll", "--create-workspace", "x", "--workspace-key", "-"},
           {"token"},
           {"token", "lst"},
           {"token", "set", "../x", "-"}}) {
    CAPTURE(words.back());
    const auto result = run(words, "nt_live_x");
    CHECK(result.status.as_shell() == 2);
    CHECK(result.err.find("hint: ") != std::string::npos);
    CHECK(result.err.find("literal0123456789") == std::string::npos);
  }
  CHECK(run({"token", "lst"}).err.find("did you mean list?") != std::string::npos);
  CHECK(written().empty());
}

TEST_CASE_FIXTURE(User,
                  "no secret is in an output, an error, a file or an argv but the token file") {
  os::SystemRandom random;
  Canary canary(random);
  const Secret key = canary.plant("rk_live_");
  const Secret token = canary.plant("nt_live_");
  environment.unset("RELAY_BROKER_WORKSPACE_KEY");
  const auto key_file = temp / "key";
  std::ofstream(key_file) << key.reveal();
  canary.allow(key_file);
  const std::string at_key = "@" + key_file.string();

  const auto show = [&](const std::vector<std::string>& words, std::string input = {}) {
    const auto result = run(words, std::move(input));
    canary.search("stdout of " + join(words, " "), result.out);
    canary.search("stderr of " + join(words, " "), result.err);
  };
  REQUIRE(run({"token", "set", "node_c", "-"}, token.reveal()).status.as_shell() == 0);
  canary.allow(data / "relay-broker/nodes/node_c.json");
  // The engine repeats what it was sent.
  answer("GET /v1/workspace",
         HttpScript::status(403, "application/json",
                            R"({"ok":false,"error":{"code":"forbidden","message":"key )" +
                                key.reveal() + R"( is bad"}})"));
  for (const char* json : {"", "--json"}) {
    for (std::vector<std::string> words :
         std::vector<std::vector<std::string>>{{"enroll", "--workspace-key", at_key},
                                               {"enroll", "--check"},
                                               {"token", "list"},
                                               {"token", "show"},
                                               {"token", "path"},
                                               {"token", "verify"},
                                               {"token", "mint", "--workspace-key", at_key}}) {
      if (*json != '\0') words.emplace_back(json);
      show(words);
    }
  }
  show({"enroll", "--workspace-key", key.reveal()});
  show({"token", "set", "node_d", token.reveal()});
  {
    engine.call([](FakeEngine& e) {
      e.clear_scripts();
      e.answer("GET /v1/workspace", HttpScript::hang(), kAlways);
      return 0;
    });
    RunningProgram program(command({"enroll", "--workspace-key", at_key}));
    (void)engine.next_note("hanging");
    canary.search_process(program.pid());
  }
  canary.search_files(temp.path());
  for (const auto& leak : canary.leaks()) {
    CAPTURE(leak);
    CHECK(leak.empty());
  }
}

}  // namespace relay::test
