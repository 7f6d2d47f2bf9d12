#pragma once

#include <asio/any_io_executor.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "broker/engine_side.hpp"
#include "broker/event_log.hpp"
#include "broker/handlers.hpp"
#include "broker/records.hpp"
#include "broker/roster.hpp"
#include "os/environment.hpp"
#include "os/files.hpp"
#include "pty/injection/profile.hpp"
#include "pty/keeper_client.hpp"
#include "pty/session/input_watch.hpp"
#include "pty/session/output_turns.hpp"

namespace relay::broker {

/// What is decided when a broker starts.
class BrokerSettings {
 public:
  BrokerSettings() = default;

  std::string instance;
  std::string version;
  os::Path state_dir;
  os::Path runtime_dir;
  /// Where agents work unless they are told otherwise; absolute.
  os::Path directory;
  os::Environment environment;
  /// Empty without an engine.
  std::string engine;
  std::string workspace_id;
  /// Of agents that name none.
  std::vector<std::string> channels{"general"};
  /// 0: as many as the system allows.
  std::size_t max_agents = 0;
  Duration release_grace = std::chrono::seconds(2);
  /// A program that cannot run says so and ends within this; a spawn waits so long.
  Duration alive_for = std::chrono::milliseconds(250);
  /// For all channels of a new agent together: its program waits for that.
  Duration enter_within = std::chrono::seconds(20);
  std::string result_url;
  /// relay-broker itself, as agents can start it.
  os::Path program;
  /// How long an action of a program of this machine may take.
  Duration handler_within = Handlers::kWithin;
  /// Between reminders of an obligation; zero for none.
  Duration remind_every = std::chrono::milliseconds(500);
};

/// What the parts of a broker share; all of it outlives them.
class BrokerParts {
 public:
  BrokerParts(asio::any_io_executor executor_in, const Clock& clock_in, Random& random_in,
              os::Files& files_in, Records& records_in, pty::KeeperClient& keeper_in,
              pty::InputWatch& watch_in, EventLog& events_in, Roster& roster_in)
      : executor(std::move(executor_in)),
        clock(clock_in),
        random(random_in),
        files(files_in),
        records(records_in),
        keeper(keeper_in),
        watch(watch_in),
        events(events_in),
        roster(roster_in) {}

  asio::any_io_executor executor;
  const Clock& clock;
  Random& random;
  os::Files& files;
  Records& records;
  pty::KeeperClient& keeper;
  pty::InputWatch& watch;
  pty::OutputTurns turns;
  EventLog& events;
  Roster& roster;
  /// Set before anything is asked.
  EngineSide* engine = nullptr;
  BrokerSettings settings;
  std::vector<pty::Profile> profiles;
};

}  // namespace relay::broker
