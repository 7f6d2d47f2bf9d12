#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/store/deliveries.hpp"
#include "node_control/delivery.hpp"
#include "node_control/liveness.hpp"
#include "simulation/broker_machine.hpp"
#include "simulation/engine_machine.hpp"
#include "simulation/timeline.hpp"
#include "support/history.hpp"
#include "wire/common.hpp"

namespace relay::simulation {

using test::HistoryChecker;
using Event = test::HistoryEvent;

/// What one run is like. Everything else follows from the seed.
struct WorldOptions {
  std::uint64_t seed = 1;
  /// Keeps the last lines of what happens.
  bool logs = false;
  std::size_t brokers = 1;
  /// Of each broker; 0: as many as come.
  std::uint32_t max_agents = 0;
  Duration faults_for = std::chrono::minutes(20);
  /// So many times rarer is all that happens, and nodes ask less often whether the engine is there.
  int slowness = 1;
  /// How often what happens to a message brings a fault with it, at the worst moment for it.
  double bad_moments = 0;
  /// How often the engine says again what it has sent before.
  double stutter = 0;
  /// Terminals that take what is written in parts.
  bool terminals_take_parts = false;
  /// How often a program dies of what it has read.
  double deadly_inputs = 0;
  /// How many messages have more than one line of a terminal takes.
  double long_letters = 0;
  /// What is typed is marked where the next broker finds it.
  bool keeps_typing = true;
  /// Agents are released while their connection breaks, and come back to the same node.
  bool releases_in_haste = false;
  /// Agents that are gone when the faults end are spawned again.
  bool agents_come_back = false;
  node_control::LivenessPolicy liveness;
  node_control::MailboxPolicy mailbox;
  engine::DeliveryStore::Limits mailboxes;

  /// Drawn from the seed: each run has other faults, other sizes and another length, of which it is
  /// one `part`th.
  [[nodiscard]] static WorldOptions of_seed(std::uint64_t seed, int part = 1);
};

/// What the simulation shows, under every fault of the list in faults.cpp, of the classes that
/// decide and not of the coroutines, sockets and tables around them:
///
/// - what the engine has answered to have comes to an end: read by its agent, in its terminal, or a
///   dead letter, and for an agent that is there a dead letter needs a reason that the world has
///   seen (a person has held it back, a program has not read, for as long as the broker waits);
/// - it is acknowledged behind that and not before, and read in the order of its mailbox;
/// - it is read once, and again, marked as a possible repeat, once for each crash of who types;
///   an agent that has moved to another node reads there once more what nobody there can know;
/// - a call of an action is answered once, places of nodes are held and given back, a node notices
///   a silent engine in time.
///
/// Not shown here: programs with an input box and what is recognised on a screen (tests/fault/
/// prompt_test.cpp, tests/interop with the real CLIs), SQL, files and SQLite (tests/unit/broker,
/// tests/fault, tests/soak), HTTP and authorisation, channels, threads and files of the engine
/// (tests/unit/engine), messages of this machine, guests, and how long anything takes.

/// An engine, some brokers with agents, and clients that send and call, on virtual time and under
/// faults; then without faults until everything has come to its end.
class World {
 public:
  explicit World(WorldOptions options_in);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The first promise that was broken, in words; nothing when all were kept.
  [[nodiscard]] std::optional<std::string> run();
  /// The last things that happened, when `logs`.
  [[nodiscard]] const std::deque<std::string>& tail() const { return tail_; }
  [[nodiscard]] Duration elapsed() const { return timeline.now() - start_; }
  [[nodiscard]] const HistoryChecker& history() const { return checker_; }
  /// Of the agents that are there.
  [[nodiscard]] HistoryChecker::Figures figures() const { return checker_.figures(gone()); }

  // For the machines.
  void log(const std::function<std::string()>& line);
  void expect(bool good, const std::string& what) {
    if (!good && !failure_) failure_ = what;
  }
  void landmark(const engine::Landmark& what);
  /// An agent on this machine has read so far. What is understood of it is taken away.
  void shown(const std::string& machine, const std::string& agent, std::string& text);
  /// Its terminal has this message and its program has not read it; `entered` is what the terminal
  /// holds.
  void handed(const std::string& agent, const std::string& body, const std::string& entered);
  void buried(const std::string& frame);
  void out_of_order(const std::string& body);
  void crashed(const std::string& agent);
  [[nodiscard]] bool faulty() const { return faulty_; }
  [[nodiscard]] bool dies_of_it() {
    return faulty_ && options.deadly_inputs > 0 && dice.chance(options.deadly_inputs);
  }
  [[nodiscard]] bool stutters() { return faulty_ && dice.chance(options.stutter); }
  [[nodiscard]] const std::vector<wire::Capability>& capabilities() const { return capabilities_; }

  const WorldOptions options;
  Timeline timeline;
  Dice dice;
  EngineMachine engine;

 private:
  struct Letter {
    std::string name;
    std::string text;
    std::string agent;
    bool steer = false;
    bool answered = false;
    int tries = 0;
  };
  void record(Event event);
  void record(Event::Kind kind, const std::string& agent, const std::string& message);
  void every(Duration mean, bool enabled, std::function<void()> what);
  void begin_faults();
  void break_links();
  void break_processes();
  void break_disks_and_clocks();
  void disturb_programs();
  void bad_moment();
  void kill_engine();
  void kill(BrokerMachine& broker, bool whole_machine);
  void heal();
  bool run_until(Monotonic end);

  void begin_traffic();
  void send_letter();
  void send_letter_to(const std::string& agent);
  void post(const std::shared_ptr<Letter>& letter);
  void call_spawn(const std::string& name, std::optional<std::string> target);
  void call_release(const std::string& name);
  void release_in_haste();
  void call_work();
  /// Agents that run nowhere.
  [[nodiscard]] std::vector<std::string> gone() const;
  void make_room();
  void call_back();
  [[nodiscard]] BrokerMachine& any_broker();
  [[nodiscard]] std::optional<std::string> any_agent();
  [[nodiscard]] bool is_quiet() const;
  [[nodiscard]] std::string what_waits() const;

  Monotonic start_;
  Life life_;
  HistoryChecker checker_;
  std::vector<wire::Capability> capabilities_;
  std::vector<std::unique_ptr<BrokerMachine>> brokers_;
  bool faulty_ = false;
  std::optional<std::string> failure_;
  std::deque<std::string> tail_;
  std::vector<std::string> agents_;
  std::uint64_t letters_ = 0;
  std::uint64_t spawns_ = 0;
  std::set<std::string> out_of_order_;
  /// Messages that are in a mailbox of the engine, or were.
  std::set<std::string> numbered_;
  /// Those for which a mailbox had no room.
  std::set<std::string> no_room_;
  /// The node that an agent was given to last.
  std::map<std::string, engine::Id> placed_;
};

}  // namespace relay::simulation
