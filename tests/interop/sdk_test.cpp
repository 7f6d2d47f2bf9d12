// The published SDKs, unmodified, live a workspace's life on the engine.
#include <doctest/doctest.h>
#include <filesystem>
#include <vector>

#include "base/text.hpp"
#include "support/real_engine.hpp"
#include "support/run_binary.hpp"
#include "support/skipped.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

const std::filesystem::path kSdkDirectory = INTEROP_DIR;

/// Calls that failed, with their reasons; empty lines of output are none.
std::vector<std::string> failed_calls(const std::string& out) {
  std::vector<std::string> found;
  for (const std::string_view line : split(out, '\n')) {
    const auto json = wire::JsonDocument::parse(line, wire::kInboundLimits);
    if (!json || json->root().find("ok")->boolean().value_or(true)) continue;
    found.push_back(std::string(*json->root().find("call")->string()) + ": " +
                    std::string(*json->root().find("error")->string()));
  }
  return found;
}

void live(const std::string& package) {
  if (!std::filesystem::exists(kSdkDirectory / "node_modules" / package)) {
    return skip(package + " is not installed (./dev interop does that)");
  }
  const TempDir temp;
  const RealEngine engine;
  const std::string url = "http://127.0.0.1:" + std::to_string(engine.port());
  os::Command command({"node", (kSdkDirectory / "sdk/life.mjs").string(), package, url},
                      temp.environment());
  command.working_directory = kSdkDirectory;
  const RunResult run = run_program(std::move(command), {}, std::chrono::seconds(120));
  CAPTURE(run.err);
  MESSAGE(run.out);
  CHECK(failed_calls(run.out) == std::vector<std::string>{});
  CHECK(run.status.as_shell() == 0);
}

}  // namespace

TEST_CASE("@relaycast/sdk 5.0.7: a workspace's life") {
  live("relaycast-sdk-5");
}

TEST_CASE("@relaycast/sdk 6.0.2: a workspace's life") {
  live("relaycast-sdk-6");
}

}  // namespace relay::test
