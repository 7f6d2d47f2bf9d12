// The published agent-relay-broker and ours, one after the other and at once, in one directory and
// with one user's files: neither takes the other's token away.
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>

#include "support/fake_engine_thread.hpp"
#include "support/run_binary.hpp"
#include "support/skipped.hpp"
#include "support/temp_dir.hpp"

namespace relay::test {
namespace {

using Path = std::filesystem::path;

/// Installed by `./dev interop`; nothing when it is not there.
std::optional<Path> peer_binary() {
  const Path path =
      Path(INTEROP_DIR) / "node_modules/@agent-relay/broker-linux-x64/bin/agent-relay-broker";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

struct Machine {
  TempDir temp;
  FakeEngineThread engine;
  os::Environment environment = temp.environment();
  Path directory = temp / "project";

  Machine() {
    std::filesystem::create_directory(directory);
    environment.set("RELAYCAST_BASE_URL", engine.url());
    environment.set("AGENT_RELAY_WORKSPACE_KEY", FakeState::kWorkspaceKey);
    environment.set("AGENT_RELAY_BROKER_LOG", "off");
    environment.set("AGENT_RELAY_TELEMETRY_DISABLED", "1");
    environment.set("DO_NOT_TRACK", "1");
  }

  int ours(const std::vector<std::string>& arguments) const {
    os::Command command = binary_command(arguments, environment);
    command.working_directory = directory;
    return run_program(std::move(command)).status.as_shell();
  }
  std::unique_ptr<RunningProgram> peer(const Path& binary, const std::string& name) {
    os::Command command({binary.string(), "init", "--instance-name", name, "--persist"},
                        environment);
    command.working_directory = directory;
    auto running = std::make_unique<RunningProgram>(std::move(command));
    static_cast<void>(engine.next_frame("node.register"));
    return running;
  }
  std::size_t minted() {
    return engine.call([](FakeEngine& e) { return e.requests_of("POST /v1/nodes").size(); });
  }
};

}  // namespace

TEST_CASE("the published broker and ours keep their tokens side by side") {
  const auto binary = peer_binary();
  if (!binary) return skip("the published broker is not installed, ./dev interop installs it");
  Machine machine;
  bool ours_first = false;
  SUBCASE("ours first") {
    ours_first = true;
  }
  SUBCASE("the published one first") {}

  std::unique_ptr<RunningProgram> peer;
  if (ours_first) {
    REQUIRE(machine.ours({"enroll"}) == 0);
    peer = machine.peer(*binary, "first");
  } else {
    peer = machine.peer(*binary, "first");
    REQUIRE(machine.ours({"enroll"}) == 0);
  }
  const auto minted = machine.minted();
  CHECK(machine.ours({"enroll", "--check"}) == 0);
  CHECK(machine.ours({"enroll"}) == 0);
  peer->signal(SIGTERM);
  static_cast<void>(peer->wait_end());
  // The token that it kept is still good, and so is ours. (Its agent of the old name is taken.)
  peer = machine.peer(*binary, "second");
  CHECK(machine.ours({"enroll", "--check"}) == 0);
  CHECK(machine.minted() == minted);
  CHECK(minted <= 2);
}

}  // namespace relay::test
