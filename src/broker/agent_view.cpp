#include "broker/agent_view.hpp"

namespace relay::broker {

std::string_view name_of(AgentState state) {
  switch (state) {
    case AgentState::starting: return "starting";
    case AgentState::idle: return "idle";
    case AgentState::working: return "working";
    case AgentState::blocked: return "blocked";
    case AgentState::ending: return "ending";
    case AgentState::exited: return "exited";
  }
  return "exited";
}

std::string_view name_of(DeliveryMode mode) {
  switch (mode) {
    case DeliveryMode::auto_inject: return "auto_inject";
    case DeliveryMode::manual_flush: return "manual_flush";
  }
  return "auto_inject";
}

}  // namespace relay::broker
