#pragma once

#include <string>
#include <string_view>

namespace relay::cli {

/// What the local API says, for people: it keeps the words that programs written for the peer look
/// for ("worker", "spawn_harness_not_ready: …"), and people do not know them.
[[nodiscard]] std::string plain_words(std::string_view message);

/// Why a message became a dead letter, for people: "agent_released" is "the agent was released".
[[nodiscard]] std::string plain_reason(std::string_view reason);

}  // namespace relay::cli
