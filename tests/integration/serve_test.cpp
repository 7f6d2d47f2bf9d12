// `serve` and the commands that ask it, as a user runs them: the built program, real agents, an
// engine that the test plays.
#include "integration/serve_world.hpp"
#include "support/figure.hpp"

namespace relay::test {

TEST_CASE_FIXTURE(User, "an agent's whole life on a broker without an engine") {
  serve();
  CHECK(broker->out().starts_with("relay-broker ready: http://127.0.0.1:"));
  CHECK(broker->out().find("(engine none, node none)") != std::string::npos);
  spawn_reader("ada");
  CHECK(agent_field("/name") == "ada");
  CHECK(agent_field("/state") == "idle");
  const auto status = run({"status"});
  CHECK(status.status.as_shell() == 0);
  CHECK(status.out.find("ada") != std::string::npos);

  auto again = run({"spawn", "--name", "ada", "cat"});
  CHECK(again.status.as_shell() == 6);
  CHECK(again.err.find("agent 'ada' already exists") != std::string::npos);

  CHECK(completed({"release", ""}) == "ada\t\n");
  CHECK(completed({"snapshot", "a"}) == "ada\t\n");
  CHECK(run({"__complete", "--", "release", "ada", "x"}).out.empty());

  const auto json = run({"snapshot", "ada", "--json"});
  CHECK(text_at(json.out, "/rows") == "24");
  CHECK(run({"snapshot", "ada", "--format", "svg"}).out.starts_with("<svg"));
  auto released = run({"release", "ada"});
  CHECK(released.status.as_shell() == 0);
  CHECK(released.out == "ada: released\n");
  released = run({"release", "ada"});
  CHECK(released.status.as_shell() == 5);
  CHECK(run({"snapshot", "ada"}).status.as_shell() == 5);

  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
}

TEST_CASE_FIXTURE(User, "a task may come from standard input") {
  serve();
  const auto made = run_program(command({"spawn", "--name", "ada", "--task", "-", "cat"}),
                                "the task of the day\n");
  CAPTURE(made.err);
  REQUIRE(made.status.as_shell() == 0);
  wait_shown("ada", "the task of the day");
}

TEST_CASE_FIXTURE(User, "what cannot be spawned is an error with its cause") {
  serve();
  const auto missing = run({"spawn", "no-such-program"});
  CHECK(missing.status.as_shell() == 127);
  CHECK(missing.err.find("no-such-program") != std::string::npos);
  const auto nowhere = run({"spawn", "--cwd", "/no/such/place", "cat"});
  CHECK(nowhere.status.as_shell() == 5);
  const auto json = run({"spawn", "no-such-program", "--json"});
  CHECK(text_at(json.out, "/error/code") == "cli_not_found");
}

TEST_CASE_FIXTURE(User, "without a broker every command says so, and how to start one") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"status"},
                                                {"spawn", "cat"},
                                                {"release", "ada"},
                                                {"snapshot", "ada"},
                                                {"dead-letters", "list"}}) {
    CAPTURE(words.front());
    const auto result = run(words);
    CHECK(result.status.as_shell() == 3);
    CHECK(result.out.empty());
    CHECK(result.err.find("relay-broker serve") != std::string::npos);
    auto json_words = words;
    json_words.emplace_back("--json");
    CHECK(text_at(run(json_words).out, "/error/code") == "broker_not_running");
  }
  CHECK(run({"__complete", "--", "release", ""}).out.empty());
}

TEST_CASE_FIXTURE(User, "F17: one broker for a directory; the second one names the first") {
  serve();
  const auto from = std::chrono::steady_clock::now();
  const auto second = run({"serve", "--relay", "off"});
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - from;
  CHECK(second.status.as_shell() == 6);
  CHECK(second.err.find(std::to_string(broker->pid())) != std::string::npos);
  figure("F17",
         "the second one ended with 6 after " + std::to_string(took.count()).substr(0, 4) +
             " ms (less than 100)",
         took.count(), 100);
}

TEST_CASE_FIXTURE(Member, "a message of the engine is read by the agent and acknowledged") {
  serve({"--json"});
  CHECK(text_at(broker->out(), "/event") == "ready");
  CHECK(text_at(broker->out(), "/engine") == engine.url());
  CHECK(text_at(broker->out(), "/connected") == "true");
  spawn_reader("ada");
  dm("hello there");
  wait_shown("ada", "hello there");
  const Record ack = engine.next_frame("delivery.ack");
  CHECK(ack.string("/agent") == "ada");
  CHECK(run({"release", "ada"}).status.as_shell() == 0);
  CHECK(engine.next_frame("agent.deregister").string("/name") == "ada");
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  CHECK_NOTHROW(engine.next_frame("node.deregister"));
}

TEST_CASE_FIXTURE(Member,
                  "send: to agents here, to all others through the engine; release --delete") {
  engine.call([](FakeEngine& e) {
    e.state().agent_or_new("carol");
    return 0;
  });
  serve({});
  spawn_reader("ada");
  const auto here = run({"send", "ada", "first things first"});
  CHECK(here.status.as_shell() == 0);
  CHECK(here.out.starts_with("ada: sent to one agent here (http_"));
  wait_shown("ada", "first things first");

  // As a person, who has the broker's own identity there.
  const auto away = run({"send", "carol", "hello from here", "--json"});
  CAPTURE(away.out);
  REQUIRE(away.status.as_shell() == 0);
  CHECK(text_at(away.out, "/relaycast_published") == "true");
  const Record dm = engine.next_request("POST /v1/dm");
  CHECK(dm.string("/to") == "carol");
  CHECK(dm.string("/text") == "hello from here");
  CHECK(dm.string("/mode") == "wait");
  CHECK_FALSE(dm.header("Idempotency-Key").empty());
  CHECK(dm.header("Authorization").starts_with("Bearer at_"));
  // As an agent of ours; the text from standard input.
  const auto piped =
      run_program(command({"send", "carol", "-", "--from", "ada", "--steer"}), "from a pipe\n");
  REQUIRE(piped.status.as_shell() == 0);
  const Record other = engine.next_request("POST /v1/dm");
  CHECK(other.string("/text") == "from a pipe");
  CHECK(other.string("/mode") == "steer");
  CHECK(other.header("Authorization") != dm.header("Authorization"));

  CHECK(run({"release", "ada", "--delete"}).status.as_shell() == 0);
  CHECK_NOTHROW(engine.next_request("DELETE /v1/agents/{name}"));
  // Of an agent that never lived here, somebody else's, nothing is deleted.
  CHECK(run({"release", "carol", "--delete"}).status.as_shell() == 6);
  const auto deleted =
      engine.call([](FakeEngine& e) { return e.requests_of("DELETE /v1/agents/{name}").size(); });
  CHECK(deleted == 1);

  const auto nobody = run({"send", "nobody", "hello"});
  CHECK(nobody.status.as_shell() == 5);
  CHECK(nobody.err.find("nobody") != std::string::npos);
  CHECK(run({"send", "nobody", "  "}).status.as_shell() == 2);
}

TEST_CASE_FIXTURE(User, "a broker that cannot start leaves the agents of the one before alone") {
  serve();
  spawn_reader("ada");
  const std::string pid = agent_field("/workerPid");
  broker->signal(SIGKILL);
  (void)broker->wait_end();
  // Its journal is refused.
  std::filesystem::path journal;
  for (const auto& file : std::filesystem::recursive_directory_iterator(temp / "state")) {
    if (file.path().filename() == "journal.db") journal = file.path();
  }
  REQUIRE_FALSE(journal.empty());
  using std::filesystem::perms;
  std::filesystem::permissions(journal, perms::owner_all | perms::others_all);
  const auto failed = run({"serve", "--relay", "off"});
  CHECK(failed.status.as_shell() == 4);
  CHECK(failed.err.find("journal.db") != std::string::npos);
  std::filesystem::permissions(journal, perms::owner_read | perms::owner_write);
  serve();
  CHECK(agent_field("/workerPid") == pid);
}

TEST_CASE_FIXTURE(Member,
                  "agents live on when their broker is killed, and the next one finds them") {
  serve({});
  spawn_reader("ada");
  const std::string pid = agent_field("/workerPid");
  broker->signal(SIGKILL);
  (void)broker->wait_end();
  serve({});
  CHECK(agent_field("/workerPid") == pid);
  dm("after the fall");
  wait_shown("ada", "after the fall");
}

TEST_CASE_FIXTURE(Member, "no file of a released agent is left") {
  serve({});
  spawn_reader("ada");
  const auto instance = text_at(run({"status", "--json"}).out, "/instance");
  const auto files = temp / "run" / "relay-broker" / instance / "agents" / "ada";
  CHECK(std::filesystem::exists(files / "token"));
  CHECK(run({"release", "ada"}).status.as_shell() == 0);
  CHECK_FALSE(std::filesystem::exists(files));
}

TEST_CASE_FIXTURE(Member, "a broker is not replaced from a shell that ends with its agent") {
  serve();
  environment.set("RELAY_AGENT_NAME", "ada");
  const auto refused = run({"serve", "--takeover"});
  CHECK(refused.status.as_shell() == 6);
  CHECK(refused.err.find("this is a shell of the agent ada") != std::string::npos);
  // Another one may be wanted for as long as the agent lives.
  const auto second = run({"serve"});
  CHECK(second.err.find("this broker ends with the agent ada") != std::string::npos);
  CHECK(second.status.as_shell() == 6);
}

TEST_CASE_FIXTURE(Member, "a takeover ends the old broker and none of its agents") {
  serve({});
  spawn_reader("ada");
  const std::string pid = agent_field("/workerPid");
  auto old = std::move(broker);
  serve({"--takeover"});
  CHECK(old->wait_end().as_shell() == 0);
  CHECK(agent_field("/workerPid") == pid);
  dm("to the new one");
  wait_shown("ada", "to the new one");
  // The node was never away for good.
  const auto farewells =
      engine.call([](FakeEngine& e) { return e.frames_of("node.deregister").size(); });
  CHECK(farewells == 0);
}

}  // namespace relay::test
