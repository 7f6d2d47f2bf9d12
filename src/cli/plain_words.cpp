#include "cli/plain_words.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace relay::cli {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

/// Names of failures in front of sentences that say the same.
constexpr std::array<std::string_view, 8> kPrefixes{
    "spawn_harness_not_ready: ",    "spawn_readiness_timeout: ",   "spawn_released_before_ready: ",
    "fleet_control_backpressure: ", "node_control_disconnected: ", "node_control_shutdown: ",
    "agent_register_timeout: ",     "agent_identity_mismatch: ",
};

constexpr std::array<Pair, 5> kWords{{
    {"unknown worker '", "there is no agent called '"},
    {" not found and Relaycast publish failed: ", " is not here, and it could not be sent on: "},
    {"Invalid harnessConfig: ", "the program cannot be started so: "},
    {"Agent \"", "agent \""},
    {"the node is not connected to the engine", "the broker is not connected to its engine"},
}};

constexpr std::array<Pair, 10> kReasons{{
    {"agent_gone", "the agent was not here any more"},
    {"agent_released", "the agent was released"},
    {"exited", "its program ended"},
    {"human", "a person was typing for too long"},
    {"line_too_long", "a line was too long for its terminal"},
    {"not_read", "its program did not read it"},
    {"queue_full", "too much was waiting for the agent"},
    {"unknown_agent", "no agent of that name was here"},
    {"unreadable", "the message could not be read"},
    {"worker_exited", "its program had ended"},
}};

}  // namespace

std::string plain_words(std::string_view message) {
  for (const std::string_view prefix : kPrefixes) {
    if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
  }
  std::string out(message);
  for (const auto& [theirs, ours] : kWords) {
    const auto at = out.find(theirs);
    if (at != std::string::npos) out.replace(at, theirs.size(), ours);
  }
  return out;
}

std::string plain_reason(std::string_view reason) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(),
                                  [reason](const Pair& one) { return one.first == reason; });
  return std::string(found == kReasons.end() ? reason : found->second);
}

}  // namespace relay::cli
