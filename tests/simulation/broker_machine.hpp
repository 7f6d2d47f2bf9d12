#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/ids.hpp"
#include "simulation/disk.hpp"
#include "simulation/journal.hpp"
#include "simulation/link.hpp"
#include "simulation/program.hpp"
#include "simulation/timeline.hpp"

namespace relay::simulation {

class World;
class BrokerProcess;

/// A machine with a broker on it. Its journal outlives all, the keeper with its programs and the
/// marks of what was typed outlive the broker.
class BrokerMachine {
 public:
  BrokerMachine(World& world, std::string name, engine::Id node);
  ~BrokerMachine();
  BrokerMachine(const BrokerMachine&) = delete;
  BrokerMachine& operator=(const BrokerMachine&) = delete;

  void start();
  /// The broker is killed, or the whole machine loses its power.
  void crash(bool whole_machine);
  /// The broker does nothing until then; its programs go on.
  void stop_until(Monotonic when);
  [[nodiscard]] bool is_up() const { return process_ != nullptr; }
  [[nodiscard]] bool is_connected() const;
  [[nodiscard]] Disk* disk();
  /// All of it does nothing for so long, and its clock stands.
  void sleep_for(Duration by) { time_.sleep_for(by); }
  /// Null when it is not connected.
  [[nodiscard]] LinkPtr link() const;
  /// No connection can be made until then.
  void isolate_until(Monotonic when) { isolated_until_ = when; }
  /// One that runs, chosen by this number; null for none.
  [[nodiscard]] Program* program(std::size_t number);
  /// A person at one of the terminals holds messages back, and lets them go.
  void hold(std::size_t number, bool on);
  /// Whether this agent runs here, as the broker sees it.
  [[nodiscard]] bool has_agent(const std::string& name) const;
  /// Nothing waits here to be written, typed or said.
  [[nodiscard]] std::string debug() const;

  // For the process.
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] engine::Id node() const { return node_; }
  [[nodiscard]] JournalModel& journal() { return journal_; }
  [[nodiscard]] MarksModel& marks() { return marks_; }
  [[nodiscard]] const MachineTime& time() const { return time_; }
  [[nodiscard]] bool is_isolated() const;
  Program& start_program(const std::string& name);
  [[nodiscard]] Program* find_program(const std::string& generation);
  void end_program(const std::string& generation);
  [[nodiscard]] std::map<std::string, std::unique_ptr<Program>>& programs() { return programs_; }

 private:
  World& world_;
  std::string name_;
  engine::Id node_;
  MachineTime time_;
  JournalModel journal_;
  MarksModel marks_;
  /// By generation.
  std::map<std::string, std::unique_ptr<Program>> programs_;
  /// Those that have ended: somebody may still be in a call of theirs.
  std::vector<std::unique_ptr<Program>> gone_;
  std::uint64_t generations_ = 0;
  Monotonic isolated_until_{};
  std::unique_ptr<BrokerProcess> process_;
};

}  // namespace relay::simulation
