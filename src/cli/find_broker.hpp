#pragma once

#include "cli/command.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
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

/// Where a command turns to, as it is at this moment.
class BrokerPlace {
 public:
  BrokerPlace() = default;
  /// One that is known, and that is not reached.
  static BrokerPlace without(broker::Instance instance) {
    BrokerPlace out;
    out.dead = std::move(instance);
    return out;
  }

  /// The broker that answers.
  std::optional<broker::Instance> found;
  /// It is none of the directory's: it is the only one that runs.
  bool only_one = false;
  /// The one that is meant, and that nobody serves. Without both there never was one.
  std::optional<broker::Instance> dead;
};

/// What the only broker that runs is to a directory that never had one.
enum class Lone { taken, ignored };

/// The broker that is meant: the one that is named, here or in the environment, else that of the
/// directory or of the nearest one above it that ever had one, else, where none ever had one, the
/// lone one that runs. A directory's own broker that does not run is never replaced by another.
/// Fails for a name that cannot be one.
[[nodiscard]] Result<BrokerPlace> locate_broker(const std::string& named, Lone lone);

/// Why there is no broker to ask, and what to do: `broker_not_running` says how to start it again,
/// which of its agents live on, and what else runs; `node_not_ready` tells of one that is starting
/// or ending. Takes questions.
[[nodiscard]] Error no_broker(const BrokerPlace& place);
/// There was a broker of this instance, running or not. Of one with a state directory of its own
/// only the note of its start tells.
[[nodiscard]] bool was_ever_served(const broker::Instance& instance);
/// The process that is this broker although nobody serves its socket yet, or any more.
[[nodiscard]] std::optional<pid_t> starting_or_ending(const broker::Instance& instance);
/// The `detail` of the error for a broker that another time will answer, or be gone.
inline constexpr std::string_view kBrokerNotReady = "broker_not_ready";

/// The broker that a command means, or why there is none. `only_one` hears whether it was chosen
/// because there is no other.
[[nodiscard]] Result<broker::Instance> find_broker(const BrokerOptions& options,
                                                   bool* only_one = nullptr);
/// The same for who does not need to know why there is none.
[[nodiscard]] std::optional<broker::Instance> served_broker(const BrokerOptions& options);

/// The instances of this user that have a broker, by the sockets that answer. Takes a moment for
/// each that was left behind.
[[nodiscard]] Result<std::vector<broker::Instance>> running_brokers();
/// Whether somebody serves a broker's socket.
[[nodiscard]] bool is_served(const broker::Instance& instance);
/// For completion: the names of what runs.
[[nodiscard]] std::vector<std::string> running_broker_names();

}  // namespace relay::cli
