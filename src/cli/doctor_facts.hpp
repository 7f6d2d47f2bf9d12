#pragma once

#include "cli/doctor_checks.hpp"
#include "cli/node_setup.hpp"
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <string>

namespace relay::cli {

/// What `doctor` was asked to look at, besides everything.
class DoctorScope {
 public:
  DoctorScope() = default;
  /// Empty for the instance of this directory.
  std::string instance;
  EngineOptions engine;
  /// What is wrong with the configuration file.
  std::optional<Error> config_error;
};

/// Everything that this machine tells. Blocks for as long as the disk and the process table take,
/// and up to 5 s for the journal: not on the loop thread.
[[nodiscard]] Result<DoctorFacts> local_facts(const DoctorScope& scope, NodeSetup& setup);

/// Adds which brokers do not answer: within 3 s each.
asio::awaitable<void> ask_brokers(asio::any_io_executor executor, DoctorFacts* facts);

/// Adds what the engine tells: whether it answers, its clock, and whether it takes the tokens.
/// Within 20 s.
asio::awaitable<void> ask_engine(asio::any_io_executor executor, NodeSetup* setup,
                                 DoctorFacts* facts);

}  // namespace relay::cli
