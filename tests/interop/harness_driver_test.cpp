// The published driver of agent-relay-broker, unmodified, with our binary in the broker's place;
// beside it the published broker, for comparison.
#include <doctest/doctest.h>
#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/run_binary.hpp"
#include "support/skipped.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

const std::filesystem::path kInterop = INTEROP_DIR;

RunResult drive(const std::filesystem::path& binary) {
  const TempDir temp;
  FakeEngineThread engine;
  const auto directory = temp / "project";
  std::filesystem::create_directory(directory);
  os::Environment environment = temp.environment();
  environment.set("RELAYCAST_BASE_URL", engine.url());
  environment.set("BROKER_BINARY", binary.string());
  environment.set("BROKER_CWD", directory.string());
  environment.set("BROKER_KEY", FakeState::kWorkspaceKey);
  environment.set("AGENT_RELAY_TELEMETRY_DISABLED", "1");
  os::Command command({"node", (kInterop / "harness_driver.mjs").string()}, environment);
  command.working_directory = kInterop;
  return run_program(std::move(command), {}, std::chrono::seconds(150));
}

/// The calls that failed, each with its reason.
std::set<std::string> failures(const std::string& out) {
  std::set<std::string> found;
  for (const std::string_view line : split(out, '\n')) {
    const auto json = wire::JsonDocument::parse(line, wire::kInboundLimits);
    if (!json || json->root().find("ok")->boolean().value_or(true)) continue;
    found.insert(std::string(*json->root().find("call")->string()) + ": " +
                 std::string(*json->root().find("error")->string()));
  }
  return found;
}

}  // namespace

TEST_CASE("harness-driver 9.1.6: every documented call works on our broker") {
  if (!std::filesystem::exists(kInterop / "node_modules/@agent-relay/harness-driver")) {
    return skip("the driver is not installed (./dev interop does that)");
  }
  const RunResult ours = drive(relay_broker());
  CAPTURE(ours.err);
  MESSAGE(ours.out);
  CHECK(failures(ours.out) == std::set<std::string>{});
  CHECK(ours.status.as_shell() == 0);
  const auto peer = kInterop / "node_modules/@agent-relay/broker-linux-x64/bin/agent-relay-broker";
  if (!std::filesystem::exists(peer)) return;
  const RunResult theirs = drive(peer);
  MESSAGE("the published broker says:\n" << theirs.out);
}

}  // namespace relay::test
