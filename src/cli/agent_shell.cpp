#include "cli/agent_shell.hpp"

#include "os/environment.hpp"

namespace relay::cli {

std::string agent_around() {
  return os::Environment::of_process().get("RELAY_AGENT_NAME").value_or("");
}

}  // namespace relay::cli
