// `serve` as a service: in the background, and with a service manager that listens.
#include <filesystem>
#include <fstream>

#include "integration/serve_world.hpp"
#include "integration/service_manager.hpp"
#include "support/bytes_of.hpp"

namespace relay::test {
TEST_CASE_FIXTURE(User,
                  "an engine in the background says what ends it: no broker is there to stop") {
  const auto started = run({"serve", "--role", "engine", "--background"});
  REQUIRE(started.status.as_shell() == 0);
  const std::size_t at = started.err.find("background; kill ");
  REQUIRE(at != std::string::npos);
  const int pid = std::stoi(started.err.substr(at + std::string("background; kill ").size()));
  CHECK(::kill(pid, SIGTERM) == 0);
  CHECK(wait_none(temp.path().string()).empty());
}

TEST_CASE_FIXTURE(User, "in the background serve returns when it is ready, and lets go of us") {
  const auto started = run({"serve", "--background", "--relay", "off"});
  CAPTURE(started.err);
  REQUIRE(started.status.as_shell() == 0);
  CHECK(started.out.starts_with("relay-broker ready: http://127.0.0.1:"));
  spawn_reader("ada");
  const auto where = run({"serve", "--print-connection", "--json"});
  const std::string path = text_at(where.out, "/path");
  CHECK(started.out.find(text_at(where.out, "/url")) != std::string::npos);
  const std::string key = text_at(bytes_of(path), "/api_key");
  CHECK(key.size() > 20);
  const auto lines = run({"serve", "--print-connection"});
  CHECK(lines.out.starts_with(path + "\nhttp://127.0.0.1:"));
  CHECK((where.out + where.err + lines.out + lines.err).find(key) == std::string::npos);

  const auto second = run({"serve", "--background", "--relay", "off"});
  CHECK(second.status.as_shell() == 6);
  CHECK(second.out.empty());
  CHECK(second.err.find("has a broker") != std::string::npos);
  const auto json = run({"serve", "--background", "--json", "--role", "node"});
  CHECK(json.status.as_shell() == 4);
  CHECK(text_at(json.out, "/error/code") == "not_enrolled");

  const pid_t pid = std::stoi(text_at(where.out, "/pid"));
  CHECK(::getsid(pid) == pid);
  ::kill(pid, SIGTERM);
  wait_until([this] { return run({"serve", "--print-connection"}).status.as_shell() == 3; },
             "nothing to connect to");
}

TEST_CASE_FIXTURE(User, "a service manager hears that serve is ready, alive, and reads again") {
  const Manager manager(temp / "notify");
  environment.set("NOTIFY_SOCKET", temp / "notify");
  // A ping every 2 s: its socket takes no more than a few that nobody reads.
  environment.set("WATCHDOG_USEC", "6000000");
  serve();
  CHECK(manager.wait("READY=1").find("STATUS=ready: http://127.0.0.1:") != std::string::npos);
  CHECK(manager.wait("WATCHDOG=1") == "WATCHDOG=1");
  const auto profiles =
      std::filesystem::path(*environment.get("XDG_CONFIG_HOME")) / "relay-broker" / "profiles";
  std::filesystem::create_directories(profiles);
  // The agent's environment tells which profile it was started with.
  std::ofstream(profiles / "mine.toml")
      << "name = \"mine\"\nmatch = [\"sh\"]\nreader = \"plain\"\n[environment]\nMINE = \"yes\"\n";
  broker->signal(SIGHUP);
  CHECK(manager.wait("RELOADING=1").find("\nMONOTONIC_USEC=") != std::string::npos);
  CHECK(manager.wait("READY=1").find("STATUS=ready: ") != std::string::npos);
  spawn_shell("ada", "echo mine=$MINE; cat");
  wait_shown("ada", "mine=yes");

  std::ofstream(profiles / "mine.toml") << "name = 7\n";
  broker->signal(SIGHUP);
  (void)manager.wait("RELOADING=1");
  (void)manager.wait("READY=1");
  spawn_shell("bob", "echo mine=$MINE; cat");
  wait_shown("bob", "mine=yes");
  broker->signal(SIGTERM);
  (void)manager.wait("STOPPING=1");
  CHECK(broker->wait_end().as_shell() == 0);
  CHECK(broker->err().find("profiles are read again") != std::string::npos);
  CHECK(broker->err().find("mine.toml:1: ") != std::string::npos);
}

}  // namespace relay::test
