// Internal to the spawner.
#pragma once

#include <memory>
#include <string>

#include "broker/launch.hpp"
#include "broker/roster.hpp"
#include "broker/spawner.hpp"

namespace relay::broker {

/// How far a spawn has come, for whoever has to undo it.
struct Spawner::Steps {
  std::shared_ptr<Reservation> reservation;
  std::shared_ptr<Agent> agent;
  Launch plan;
  /// Registered here, so to be deregistered here.
  bool registered = false;
  bool listed = false;
  /// What did not work and is no reason to give up.
  std::string warning;
};

inline Error released_before() {
  return {Code::spawn_failed, "spawn_released_before_ready: the agent was released meanwhile"};
}

}  // namespace relay::broker
