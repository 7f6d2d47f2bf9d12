// `wrap` as an agent of the broker: reached by messages in the person's own terminal.
#include <fstream>

#include "integration/serve_world.hpp"
#include "integration/wrap_world.hpp"
#include "support/pty_driver.hpp"

namespace relay::test {
namespace {

struct Wrapper : User {
  [[nodiscard]] os::Command wrap(std::vector<std::string> words) const {
    words.insert(words.begin(), "wrap");
    os::Command made = command(words);
    made.environment.set("MARK", temp.path().string());
    return made;
  }
  /// How many agents of that state there are.
  void wait_agents(std::size_t count) const {
    const auto are_there = [&] {
      const auto status = run({"status", "--json"});
      const auto document = wire::JsonDocument::parse(status.out, wire::kEngineLimits);
      const auto agents = document ? document->root().find("agents") : std::nullopt;
      return agents && agents->elements().size() == count;
    };
    wait_until(are_there, std::to_string(count) + " agents");
  }
};

}  // namespace

TEST_CASE_FIXTURE(Wrapper, "a wrapped program is an agent: it is sent messages, and goes with it") {
  serve();
  std::ofstream(directory / "task.md") << "say hello";
  PtyDriver ada(wrap({"--name", "ada", "--task", "@task.md", "sh", "-c",
                      "stty -echo; echo \"I am $RELAY_AGENT_NAME\"; " + std::string(kReader)}));
  // Who it is to others, before the program has the terminal.
  ada.wait_for("ada at broker ");
  ada.wait_for("I am ada");
  ada.wait_for("say hello");
  CHECK(agent_field("/name") == "ada");
  CHECK(run({"send", "ada", "over to you"}).status.as_shell() == 0);
  ada.wait_for("over to you");
  // A person's own keys go the same way as ever.
  ada.type("typed by hand\r");
  ada.wait_for("got typed by hand");
  const auto taken = run({"spawn", "--name", "ada", "cat"});
  CHECK(taken.status.as_shell() == 6);
  const auto shown = run({"snapshot", "ada"});
  CHECK(shown.status.as_shell() == 2);
  CHECK(shown.err.find("terminal of its own, pts/") != std::string::npos);
  CHECK(shown.err.find("relay-broker send ada") != std::string::npos);
  CHECK(std::stol(agent_field("/pid")) > 1);
  CHECK(run({"status"}).out.find("sh (in pts/") != std::string::npos);
  ada.type("\x04");
  CHECK(ada.wait_end().as_shell() == 0);
  wait_agents(0);
}

TEST_CASE_FIXTURE(Wrapper, "a program that cannot be an agent can run without being one") {
  serve();
  spawn_shell("ada", "sleep 1000");
  PtyDriver second(wrap({"--name", "ada", "true"}));
  second.wait_for("relay-broker wrap --no-inject runs the program without messages");
  CHECK(second.wait_end().as_shell() == 125);
}

TEST_CASE_FIXTURE(Wrapper, "release ends a wrapped program; its terminal is as it was") {
  serve();
  PtyDriver ada(wrap({"--name", "ada", "sh", "-c", "echo up; exec cat"}));
  ada.wait_for("up");
  CHECK(run({"release", "ada", "--reason", "enough"}).status.as_shell() == 0);
  ada.wait_for("ada was ended: it was released: enough");
  (void)ada.wait_end();
  CHECK((ada.mode().c_lflag & ICANON) == (ada.mode_before().c_lflag & ICANON));
  wait_agents(0);
}

TEST_CASE_FIXTURE(Wrapper, "a wrapped program outlives its broker, and the next one reaches it") {
  serve();
  PtyDriver ada(
      wrap({"--name", "ada", "sh", "-c", "stty -echo; echo up; " + std::string(kReader)}));
  ada.wait_for("up");
  CHECK(run({"send", "ada", "the first"}).status.as_shell() == 0);
  ada.wait_for("the first");
  broker->signal(SIGKILL);
  (void)broker->wait_end();
  CHECK(run({"status"}).err.find("a wrapped program waits for it") != std::string::npos);
  serve();
  wait_agents(1);
  CHECK(run({"send", "ada", "the second"}).status.as_shell() == 0);
  ada.wait_for("the second");
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  serve();
  CHECK(run({"send", "ada", "the third"}).status.as_shell() == 0);
  ada.wait_for("the third");
  const auto count = [&ada](const std::string& text) {
    std::size_t found = 0;
    for (auto at = ada.transcript().find(text); at != std::string::npos;
         at = ada.transcript().find(text, at + 1)) {
      ++found;
    }
    return found;
  };
  CHECK(count("the first") == 1);
  CHECK(count("the second") == 1);
  CHECK(count("the broker was away") == 0);
  ada.type("\x04");
  ada.wait_for("the last of 2 times: messages for ada came later");
  CHECK(ada.wait_end().as_shell() == 0);
}

TEST_CASE_FIXTURE(Wrapper, "a broker that comes before the end of the last one is read was away") {
  serve();
  PtyDriver ada(wrap({"--name", "ada", "cat"}));
  ada.wait_for("ada at broker ");
  wait_agents(1);
  std::string socket;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temp.path())) {
    const bool is_guest =
        entry.is_socket() && entry.path().string().find("wrap") < std::string::npos;
    if (is_guest) socket = entry.path().string();
  }
  REQUIRE_FALSE(socket.empty());
  // The broker's own watch is still there.
  const WrapControlClient next(socket);
  next.send("{\"watch\":true}\n");
  CHECK_FALSE(next.answer().empty());
  ada.type("\x04");
  ada.wait_for("the broker was away");
  ada.wait_for("messages for ada came later");
  CHECK(ada.wait_end().as_shell() == 0);
}

TEST_CASE_FIXTURE(Wrapper, "wrap starts the broker of its directory, or says that there is none") {
  const auto none = wrap({"--no-autostart", "cat"});
  PtyDriver refused(none);
  refused.wait_for("no broker runs for ");
  CHECK(refused.wait_end().as_shell() == 125);

  PtyDriver ada(
      wrap({"--name", "ada", "sh", "-c", "stty -echo; echo up; " + std::string(kReader)}));
  ada.wait_for("up");
  CHECK(run({"send", "ada", "hello"}).status.as_shell() == 0);
  ada.wait_for("hello");
  PtyDriver bob(
      wrap({"--name", "bob", "sh", "-c", "stty -echo; echo up; " + std::string(kReader)}));
  bob.wait_for("up");
  CHECK(run({"send", "bob", "hello to you", "--from", "ada"}).status.as_shell() == 0);
  bob.wait_for("from ada");
  const pid_t pid = std::stoi(text_at(run({"status", "--json"}).out, "/pid"));
  REQUIRE(pid > 1);
  ::kill(pid, SIGTERM);
  ada.type("\x04");
  bob.type("\x04");
  CHECK(ada.wait_end().as_shell() == 0);
  CHECK(bob.wait_end().as_shell() == 0);
}

}  // namespace relay::test
