#pragma once

#include "cli/command.hpp"
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "broker/instance.hpp"

namespace relay::cli {

/// --instance, as it was typed; empty for the broker of this directory.
struct BrokerOptions {
  std::string instance;
};

/// The environment of an agent: the broker that it belongs to.
inline constexpr const char* kAgentBroker = "RELAY_AGENT_BROKER";

/// Adds --instance. The configuration file does not count for it where one of `variables` is set.
void add_broker_options(Command& command, BrokerOptions& options,
                        std::vector<std::string> variables = {});

/// The broker that a command means: the one that is named, else that of the directory or of the
/// nearest one above it that ever had one, else, where none ever had one, the only one that runs. A
/// directory's own broker that does not run is never replaced by another: `broker_not_running`
/// says how to start it again, which of its agents live on, and what else runs. `only_one` hears
/// whether it was chosen because there is no other.
[[nodiscard]] Result<broker::Instance> find_broker(const BrokerOptions& options,
                                                   bool* only_one = nullptr);
/// The same for who does not need to know why there is none, which takes questions.
[[nodiscard]] std::optional<broker::Instance> served_broker(const BrokerOptions& options);
/// For who starts one where there is none: the one that is named, else that of the directory or of
/// the nearest one above it that runs. One that does not run is passed over, and no other of the
/// user is good enough.
[[nodiscard]] Result<std::optional<broker::Instance>> find_running_broker(const std::string& named);

/// The instances of this user that have a broker, by the sockets that answer. Takes a moment for
/// each that was left behind.
[[nodiscard]] Result<std::vector<broker::Instance>> running_brokers();
/// Whether somebody serves a broker's socket.
[[nodiscard]] bool is_served(const broker::Instance& instance);
/// For completion: the names of what runs.
[[nodiscard]] std::vector<std::string> running_broker_names();

}  // namespace relay::cli
