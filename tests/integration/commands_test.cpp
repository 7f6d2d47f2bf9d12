// What a newcomer meets on the commands: a broker that has died, several names at once, values with
// mistakes in them.
#include <fstream>

#include "integration/serve_world.hpp"
#include "support/pty_driver.hpp"

namespace relay::test {
namespace {

/// Ends in its own time: when there is a file "over".
constexpr const char* kStubborn =
    "trap 'echo asked to end' TERM; echo up; until [ -e over ]; do sleep 0.05; done";

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// A second directory of the same user.
os::Command elsewhere(const User& user, const std::vector<std::string>& arguments) {
  const auto other = user.temp / "other";
  std::filesystem::create_directory(other);
  os::Command made = user.command(arguments);
  made.working_directory = other;
  return made;
}

}  // namespace

// A `release --all` in a project whose broker had crashed ended the agents of another project.
TEST_CASE_FIXTURE(User,
                  "a directory's own broker that died is not replaced by the only other one") {
  RunningProgram first(elsewhere(*this, {"serve", "--relay", "off"}));
  first.wait_for("ready");
  const auto there = [&](std::vector<std::string> words) {
    return run_program(elsewhere(*this, words));
  };
  REQUIRE(there({"spawn", "--name", "bert", "cat"}).status.as_shell() == 0);
  // As long as the directory never had one, the only one that runs is meant.
  CHECK(has(run({"status"}).out, "bert"));
  serve({"--relay", "off", "--max-agents", "7"});
  spawn_shell("ada", "sleep 1000");
  broker->signal(SIGKILL);
  (void)broker->wait_end();

  const std::string other = text_at(there({"status", "--json"}).out, "/instance");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"release", "--all"},
                                                {"status"},
                                                {"stop"},
                                                {"send", "bert", "x"}}) {
    CAPTURE(words.front());
    const auto refused = run(words);
    CHECK(refused.status.as_shell() == 3);
    CHECK(refused.out.empty());
    // Which one, who lives on, how to come back, and what else runs.
    CHECK(has(refused.err, "the broker of " + directory.string() + " does not run"));
    CHECK(has(refused.err, "1 of its agents lives on: ada"));
    CHECK(has(refused.err, "relay-broker serve --relay off --max-agents 7 starts it again"));
    CHECK(has(refused.err, other));
    CHECK(has(refused.err, "--instance"));
  }
  CHECK(has(there({"status"}).out, "bert"));
  // The one that is named is taken.
  CHECK(run({"status", "--instance", other}).status.as_shell() == 0);
  CHECK(run({"__complete", "--", "status", "--instance", ""}).out == other + "\t\n");
  // Nobody has asked in vain: the keeper's agents are there for the next broker.
  serve();
  CHECK(agent_field("/name") == "ada");
  CHECK(there({"stop"}).out == other + ": stopped (pid " + std::to_string(first.pid()) + ")\n");
}

TEST_CASE_FIXTURE(User, "how to start it again is how it was started, not what it found") {
  serve({"--own-engine"});
  broker->signal(SIGKILL);
  (void)broker->wait_end();
  const auto dead = run({"status"});
  CHECK(has(dead.err, "hint: relay-broker serve --own-engine starts it again"));
  CHECK_FALSE(has(dead.err, "--engine"));
}

TEST_CASE_FIXTURE(User, "what cannot be undone says on whom it acts when nobody was named") {
  serve();
  spawn_reader("ada");
  const auto listed = run_program(elsewhere(*this, {"status"}));
  CHECK(listed.err.empty());
  const auto released = run_program(elsewhere(*this, {"release", "--all"}));
  CHECK(released.status.as_shell() == 0);
  CHECK(released.out == "ada: released\n");
  CHECK(has(released.err, "acting on " + text_at(run({"status", "--json"}).out, "/instance")));
  CHECK(run({"release", "--all"}).err.empty());
}

TEST_CASE_FIXTURE(User, "stop ends the broker in the background, and is told of by serve") {
  const auto started = run({"serve", "--relay", "off", "--background"});
  REQUIRE(started.status.as_shell() == 0);
  CHECK(has(started.err, "relay-broker stop ends it"));
  const auto all = run({"status", "--all"});
  CHECK(has(all.out, directory.string()));
  const std::string pid = text_at(run({"status", "--all", "--json"}).out, "/brokers/0/pid");
  CHECK(has(all.out, pid));
  const auto stopped = run({"stop", "--json"});
  CHECK(stopped.status.as_shell() == 0);
  CHECK(text_at(stopped.out, "/stopped") == "true");
  CHECK(text_at(stopped.out, "/pid") == pid);
  const auto again = run({"stop", "--json"});
  CHECK(again.status.as_shell() == 3);
  CHECK(text_at(again.out, "/error/code") == "broker_not_running");
}

TEST_CASE_FIXTURE(User, "release and dead-letters tell of each, and end with the worst") {
  serve();
  spawn_reader("ada");
  spawn_shell("bert", "sleep 1000");
  // Nobody reads it: it is not gone with its agent.
  REQUIRE(run({"send", "bert", "are you there?"}).status.as_shell() == 0);
  REQUIRE(run({"send", "bert", "and now?"}).status.as_shell() == 0);
  const auto released = run({"release", "nobody", "ada", "bert"});
  CHECK(released.status.as_shell() == 5);
  CHECK(released.out == "ada: released\nbert: released\n");
  CHECK(has(released.err, "error: nobody: there is no agent called nobody"));
  const auto json = run({"release", "ada", "--json"});
  CHECK(json.status.as_shell() == 5);
  CHECK(text_at(json.out, "/agents/0/result") == "error");
  CHECK(text_at(json.out, "/error/code") == "agent_not_found");

  const auto letters = run({"dead-letters", "list"});
  CHECK(has(letters.out, "are you there?"));
  CHECK(has(letters.out, "the agent was released"));
  const auto id = text_at(run({"dead-letters", "list", "--json"}).out, "/dead_letters/0/id");
  const auto none = run({"dead-letters", "redeliver", "--all"});
  CHECK(none.status.as_shell() == 5);
  CHECK(has(none.err, "the agent bert is not here"));
  const auto dropped = run({"dead-letters", "drop", "4711", id});
  CHECK(dropped.status.as_shell() == 5);
  CHECK(dropped.out == id + ": dropped\n");
  CHECK(has(dropped.err, "4711"));
  const auto both = run({"dead-letters", "drop", "7", "--all"});
  CHECK(both.status.as_shell() == 2);
  CHECK(has(both.err, "--all and ids exclude each other"));
  CHECK(has(run({"dead-letters", "drop", "--all"}).out, ": dropped\n"));
  CHECK(run({"dead-letters", "redeliver", "--all"}).out == "no dead letters\n");
}

TEST_CASE_FIXTURE(User, "an agent that is being released is said to be") {
  serve();
  spawn_shell("ada", kStubborn);
  wait_shown("ada", "up");
  RunningProgram release(command({"release", "ada", "--grace", "30s"}));
  wait_shown("ada", "asked to end");
  CHECK(agent_field("/state") == "ending");
  const auto sent = run({"send", "ada", "are you there?"});
  CHECK(sent.status.as_shell() == 5);
  CHECK(has(sent.err, "error: the agent ada is being released\nhint: once"));
  const auto spawned = run({"spawn", "--name", "ada", "cat"});
  CHECK(spawned.status.as_shell() == 6);
  CHECK(has(spawned.err, "agent 'ada' is being released"));
  std::ofstream(directory / "over") << "x";
  CHECK(release.wait_end().as_shell() == 0);
}

TEST_CASE_FIXTURE(User, "Ctrl-C in a slow release is an interruption, not a failure") {
  serve();
  spawn_shell("ada", kStubborn);
  wait_shown("ada", "up");
  RunningProgram release(command({"release", "ada", "--grace", "50s"}));
  wait_shown("ada", "asked to end");
  release.signal(SIGINT);
  CHECK(release.wait_end().as_shell() == 130);
  CHECK(release.err() ==
        "error: interrupted: ada may be ending still\nhint: relay-broker status tells\n");
  std::ofstream(directory / "over");
}

TEST_CASE_FIXTURE(User, "Ctrl-C at a broker says what it waits for, a second one does not wait") {
  PtyDriver terminal(command({"serve", "--relay", "off"}));
  terminal.wait_for("ready");
  spawn_shell("ada", kStubborn);
  wait_shown("ada", "up");
  terminal.type("\x03");
  terminal.wait_for("ending the agents; Ctrl-C again ends them at once");
  terminal.type("\x03");
  CHECK(terminal.wait_end() == os::ExitStatus::signalled(SIGINT));
}

TEST_CASE_FIXTURE(User, "Ctrl-C in a release of several tells what became of each") {
  serve();
  spawn_reader("ada");
  spawn_shell("bert", kStubborn);
  wait_shown("bert", "up");
  RunningProgram release(command({"release", "ada", "bert", "cleo", "--grace", "50s"}));
  wait_shown("bert", "asked to end");
  release.signal(SIGINT);
  CHECK(release.wait_end().as_shell() == 130);
  CHECK(release.out() == "ada: released\n");
  CHECK(release.err() ==
        "error: bert: interrupted: it may be ending still\n"
        "error: cleo: it was not asked to end\n"
        "hint: relay-broker status tells\n");
  std::ofstream(directory / "over");
}

TEST_CASE_FIXTURE(User, "a program that ends at once is no agent that is ready") {
  // One that is ready when its box is there: others count as ready at once, ended or not.
  std::filesystem::create_directory(temp / "bin");
  std::ofstream(temp / "bin" / "claude") << "#!/bin/sh\necho broken\nexit 3\n";
  std::filesystem::permissions(temp / "bin" / "claude", std::filesystem::perms::owner_all);
  environment.set("PATH", (temp / "bin").string() + ":/usr/bin:/bin");
  serve();
  const auto made = run({"spawn", "--wait", "ready", "claude"});
  CHECK(made.status.as_shell() == 1);
  CHECK(has(made.err, "exit status 3"));
  CHECK(has(made.err, "broken"));
  // A word that only programs know.
  CHECK_FALSE(has(made.err, "spawn_harness_not_ready"));
}

TEST_CASE_FIXTURE(User, "status tells how a program ended, the snapshot no blank rows") {
  serve();
  spawn_shell("ada", "echo shown; read -r l; exit 7");
  wait_shown("ada", "shown");
  CHECK(run({"snapshot", "ada"}).out == "shown\n");
  REQUIRE(run({"send", "ada", "go"}).status.as_shell() == 0);
  wait_until([this] { return has(run({"status"}).out, "exited 7"); }, "its end is told");
}

TEST_CASE_FIXTURE(User, "nobody speaks in the name of an agent that is not here") {
  serve();
  spawn_reader("ada");
  const auto refused = run({"send", "ada", "hello", "--from", "nobody"});
  CHECK(refused.status.as_shell() == 5);
  CHECK(has(refused.err, "nobody is no agent here"));
  CHECK(run({"send", "ada", "it's me", "--from", "ada"}).status.as_shell() == 0);
  // As it was written, in a shell's own quotes.
  wait_shown("ada", "it'\\''s me");
}

TEST_CASE_FIXTURE(User, "inside an agent it is the agent who speaks, wherever it is") {
  serve();
  spawn_reader("ada");
  spawn_shell("bert", "cd / && " + relay_broker().string() +
                          " send ada 'from within' && echo sent; " + relay_broker().string() +
                          " inbox; sleep 1000");
  wait_shown("ada", "message from bert");
  wait_shown("bert", "sent");
  // Its own inbox, which needs an engine.
  wait_shown("bert", "this broker has no engine");
}

TEST_CASE_FIXTURE(User, "only a message that was there is answered") {
  serve();
  spawn_reader("ada");
  const auto first = run({"send", "ada", "one", "--json"});
  const auto refused = run({"send", "ada", "two", "--thread", "http_nothing"});
  CHECK(refused.status.as_shell() == 5);
  CHECK(has(refused.err, "there is no message http_nothing"));
  const auto thread = text_at(first.out, "/event_id");
  CHECK(run({"send", "ada", "two", "--thread", thread}).status.as_shell() == 0);
  // Of an earlier broker, which gave it its id; not one that was cut off in copying.
  std::string former = "http_0123456789abcdef0123456789abcdef";
  CHECK(run({"send", "ada", "two", "--thread", former}).status.as_shell() == 0);
  former.pop_back();
  CHECK(run({"send", "ada", "two", "--thread", former}).status.as_shell() == 5);
}

TEST_CASE_FIXTURE(User, "watching ends with Ctrl-C, without a word of complaint") {
  serve();
  os::Command watch = command({"status", "--watch"});
  watch.environment.set("TERM", "xterm");
  PtyDriver terminal(std::move(watch));
  terminal.wait_for("agents     none");
  terminal.type("\x03");
  CHECK(terminal.wait_end().as_shell() == 130);
  CHECK_FALSE(has(terminal.transcript(), "error"));
  // What is erased from the first line on goes into the history of some terminals.
  CHECK_FALSE(has(terminal.transcript(), "\x1b[H\x1b[J"));
  CHECK_FALSE(has(terminal.transcript(), "hint"));
}

TEST_CASE_FIXTURE(User, "a value with a mistake is wrong usage, broker or not") {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"serve", "--listen", "foo"},
        {"serve", "--orphan-grace", "soon"},
        {"spawn", "--timeout", "soon", "cat"},
        {"release", "ada", "--grace", "long"},
        {"release", "ada", "--grace", "61s"},
        {"doctor", "--engine", "notaurl"},
        {"enroll", "--engine", "notaurl"},
        {"spawn", "--channel", "a b", "cat"},
        {"spawn", "--channel", "", "cat"},
        {"wrap", "--channel", "Ops", "cat"},
        {"serve", "--own-engine", "--relay", "off"},
        {"serve", "--store", "sqlite:x.db", "--relay", "off"},
        {"serve", "--store", "sqlite:x.db", "--engine", "http://e.example"},
        {"serve", "--store", "sqlite:x.db", "--role", "node"},
        {"spawn", "--naem", "ada"}}) {
    CAPTURE(words[1]);
    const auto wrong = run(words);
    CHECK(wrong.status.as_shell() == 2);
    // The option that is wrong is named.
    const auto option = std::find_if(words.begin(), words.end(),
                                     [](const auto& word) { return word.starts_with("--"); });
    CHECK(has(wrong.err, *option));
  }
  CHECK(has(run({"spawn", "--naem", "ada"}).err, "did you mean --name?"));
  for (const char* channel : {"#", "#a b", "#-x"}) {
    const auto wrong = run({"send", channel, "hello"});
    CHECK(wrong.status.as_shell() == 2);
    CHECK(has(wrong.err, "'" + std::string(channel) + "' is no name of a channel"));
    CHECK(has(wrong.err, "hint: one has lower-case letters, digits and hyphens"));
  }
}

TEST_CASE_FIXTURE(User, "who leaves the # of a channel away is told of it") {
  serve();
  const auto refused = run({"send", "dev", "hello"});
  CHECK(refused.status.as_shell() == 5);
  CHECK(has(refused.err, "a channel has a # in front: '#dev'"));
  CHECK_FALSE(has(run({"send", "Dev.1", "hello"}).err, "channel"));
}

TEST_CASE_FIXTURE(User, "what was done and cannot be told is not asked for again") {
  serve();
  spawn_reader("ada");
  const auto untold = [this](const std::string& words) {
    auto line = command({});
    line.argv = {"/bin/sh", "-c", relay_broker().string() + " " + words + " >/dev/full"};
    return run_program(line);
  };
  for (const char* words : {"send ada once", "send ada once --json"}) {
    const auto sent = untold(words);
    CHECK(sent.status.as_shell() == 1);
    CHECK(has(sent.err, "error: it was sent, but this could not be written: No space left"));
    CHECK(has(sent.err, "hint: it does not have to be asked for again"));
  }
  CHECK(has(untold("spawn --name bert cat").err, "error: it was started, but this"));
  const auto ended = untold("release bert");
  CHECK(ended.status.as_shell() == 1);
  CHECK(has(ended.err, "error: bert: released, but this"));
  // Nothing was done.
  CHECK(untold("status").status.as_shell() == 75);
}

TEST_CASE_FIXTURE(User,
                  "a task with nothing in it is wrong usage, a session that cannot be is told") {
  serve();
  std::ofstream(directory / "empty.md") << "\n";
  for (const char* task : {"-", "@empty.md"}) {
    const auto empty = run({"spawn", "--task", task, "cat"});
    CHECK(empty.status.as_shell() == 2);
    CHECK(has(empty.err, "--task " + std::string(task) + ": there is nothing in it"));
  }
  const auto anew = run({"spawn", "--name", "ada", "--resume", "abc", "cat"});
  CHECK(anew.status.as_shell() == 0);
  CHECK(anew.out == "ada\n");
  CHECK(has(anew.err, "note: it starts anew: no session of cat can be gone on with"));
}

TEST_CASE_FIXTURE(User, "a log that has grown long makes room, at the start and while it runs") {
  constexpr std::uintmax_t kLong = std::uintmax_t{2} << 20U;
  REQUIRE(run({"serve", "--relay", "off", "--background"}).status.as_shell() == 0);
  const std::string log = text_at(run({"status", "--json"}).out, "/state_dir") + "/serve.log";
  const auto grow = [&log] { std::ofstream(log, std::ios::app) << std::string(kLong, 'x'); };
  REQUIRE(run({"stop"}).status.as_shell() == 0);
  std::filesystem::remove(log);
  grow();
  REQUIRE(run({"serve", "--relay", "off", "--background"}).status.as_shell() == 0);
  CHECK(std::filesystem::file_size(log) < 4096);
  CHECK(std::filesystem::file_size(log + ".1") == kLong);

  std::filesystem::remove(log + ".1");
  grow();
  // Something to say: profiles that cannot be read.
  const auto profiles = environment.get("XDG_CONFIG_HOME").value() + "/relay-broker/profiles";
  std::filesystem::create_directories(profiles);
  std::ofstream(profiles + "/bad.toml") << "this is no TOML";
  const std::string pid = text_at(run({"status", "--json"}).out, "/pid");
  REQUIRE(::kill(static_cast<pid_t>(std::stol(pid)), SIGHUP) == 0);
  // Between the two there is no log at all.
  const auto has_begun_anew = [&log] {
    std::error_code missing;
    const auto size = std::filesystem::file_size(log, missing);
    return !missing && size > 0 && size < 4096 && std::filesystem::exists(log + ".1");
  };
  wait_until(has_begun_anew, "the log begins anew");
  using std::filesystem::perms;
  CHECK(std::filesystem::status(log).permissions() == (perms::owner_read | perms::owner_write));
  CHECK(run({"stop"}).status.as_shell() == 0);
}

}  // namespace relay::test
