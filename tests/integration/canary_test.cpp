// S4: every secret that a broker, its engine and its agents have is in the files made for it and
// nowhere else: no output, no terminal, no log, no database, no argument, no image of a dead
// process.
#include "support/canary.hpp"

#include "integration/serve_world.hpp"
#include "os/system_random.hpp"
#include "support/bytes_of.hpp"
#include "support/pty_driver.hpp"

namespace relay::test {
namespace {

std::string content(const std::filesystem::path& file) {
  std::string out = bytes_of(file);
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

struct Secretive : User {
  /// What a file says is a secret, and belongs there.
  void watch(const std::filesystem::path& file, const std::string& pointer = {}) {
    const std::string text = content(file);
    const std::string secret = pointer.empty() ? text : text_at(text, pointer);
    CAPTURE(file);
    REQUIRE(secret.size() > 32);
    canary.watch(Secret(std::string_view(secret)));
    canary.allow(file);
    ++watched;
  }
  /// Every file below the user's directories that has this name.
  void watch_all(const std::string& name, const std::string& pointer = {}) {
    const int before = watched;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(temp.path())) {
      if (entry.is_regular_file() && entry.path().filename() == name) watch(entry.path(), pointer);
    }
    CAPTURE(name);
    CHECK(watched > before);
  }
  RunResult show(const std::vector<std::string>& words) {
    auto result = run(words);
    const std::string name = words.front() + (words.size() > 1 ? " " + words[1] : "");
    canary.search("stdout of " + name, result.out);
    canary.search("stderr of " + name, result.err);
    return result;
  }

  os::SystemRandom random;
  Canary canary{random};
  int watched = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Secretive,
                  "S4: no secret through spawn, attach, send, crashes, --json and cores") {
  // The crash of a broker would leave an image, as on the machine of a developer.
  os::Command serve_dumping = command({});
  serve_dumping.argv = {"/bin/sh", "-c", "ulimit -c unlimited; exec \"$0\" serve",
                        relay_broker().string()};
  broker = std::make_unique<RunningProgram>(serve_dumping);
  broker->wait_for("ready");
  spawn_reader("ada");
  watch_all("connection.json", "/api_key");
  watch_all("token");
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(temp / "data" / "relay-broker")) {
    const auto& path = entry.path();
    const bool is_token = path.parent_path().filename() == "nodes" && path.extension() == ".json";
    if (is_token) watch(path, "/token");
  }
  watch_all("workspace.key");
  REQUIRE(watched >= 4);

  PtyDriver person(command({"attach", "ada"}));
  person.wait_for("driving ada");
  person.type("typed by hand\r");
  person.wait_for("got typed by hand");
  CHECK(show({"send", "ada", "a word", "--json"}).status.as_shell() == 0);
  person.wait_for("a word");
  person.type("\x1c");
  CHECK(person.wait_end().success());
  canary.search("attach", person.transcript());

  // Whether its end is seen while it is spawned or later is not what counts here.
  (void)show({"spawn", "--name", "bert", "sh", "--", "-c", "env; kill -SEGV $$"});
  const auto bert_has_ended = [this] {
    const std::string all = show({"status", "--json"}).out;
    return all.find("\"bert\"") == std::string::npos || all.find("\"exited\"") != std::string::npos;
  };
  wait_until(bert_has_ended, "the end of bert");
  CHECK(
      show({"spawn", "--name", "carl", "sh", "--", "-c", "env; echo all of it; exec cat", "--json"})
          .status.as_shell() == 0);
  wait_shown("carl", "all of it");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"snapshot", "carl", "--json"},
                                             {"status", "--json"},
                                             {"status", "--all"},
                                             {"doctor", "--json"},
                                             {"token", "list", "--json"},
                                             {"token", "show"},
                                             {"inbox", "--agent", "ada", "--json"},
                                             {"dead-letters", "list", "--json"},
                                             {"serve", "--print-connection", "--json"},
                                             {"serve"},
                                             {"release", "nobody", "--json"}}) {
    (void)show(words);
  }
  canary.search_process(broker->pid());
  canary.search_process(static_cast<pid_t>(std::stoi(agent_field("/workerPid"))));
  broker->signal(SIGABRT);
  CHECK(broker->wait_end().as_shell() == 128 + SIGABRT);
  canary.search("stdout of serve", broker->out());
  canary.search("stderr of serve", broker->err());
  watch_all("token");
  canary.search_files(temp.path());
  for (const auto& leak : canary.leaks()) {
    CAPTURE(leak);
    CHECK(leak.empty());
  }
}

}  // namespace relay::test
