#pragma once

#include <string>

namespace relay::cli {

/// The agent in whose shell a command was typed; empty where it is no agent's. What is started
/// there ends with the agent, whatever it does to get away.
[[nodiscard]] std::string agent_around();

}  // namespace relay::cli
