#include "simulation/broker_machine.hpp"

#include <utility>

#include "simulation/broker_process.hpp"
#include "simulation/world.hpp"

namespace relay::simulation {

BrokerMachine::BrokerMachine(World& world, std::string name, engine::Id node)
    : world_(world),
      name_(std::move(name)),
      node_(node),
      time_(world.timeline),
      journal_([&world](const std::string& frame) { world.buried(frame); }) {}

BrokerMachine::~BrokerMachine() = default;

void BrokerMachine::start() {
  if (!process_) process_ = std::make_unique<BrokerProcess>(*this);
}

void BrokerMachine::crash(bool whole_machine) {
  if (!process_) return;
  for (const auto& [name, agent] : process_->roster()) world_.crashed(name);
  process_->disk().killed();
  // A process that is killed closes its sockets; one without power says nothing.
  if (const auto link = process_->link(); link && whole_machine) link->cut(false, false);
  process_.reset();
  if (!whole_machine) return;
  marks_.lose();
  for (auto& [generation, program] : programs_) {
    program->exit();
    gone_.push_back(std::move(program));
  }
  programs_.clear();
}

void BrokerMachine::stop_until(Monotonic when) {
  if (process_) process_->stop_until(when);
}

bool BrokerMachine::is_connected() const {
  return process_ && process_->accepted();
}

Disk* BrokerMachine::disk() {
  return process_ ? &process_->disk() : nullptr;
}

LinkPtr BrokerMachine::link() const {
  return process_ ? process_->link() : nullptr;
}

bool BrokerMachine::is_isolated() const {
  return world_.timeline.now() < isolated_until_;
}

Program* BrokerMachine::program(std::size_t number) {
  if (programs_.empty()) return nullptr;
  return std::next(programs_.begin(), static_cast<std::ptrdiff_t>(number % programs_.size()))
      ->second.get();
}

void BrokerMachine::hold(std::size_t number, bool on) {
  if (!process_ || process_->roster().empty()) return;
  const auto& roster = process_->roster();
  process_->hold(
      *std::next(roster.begin(), static_cast<std::ptrdiff_t>(number % roster.size()))->second, on);
}

bool BrokerMachine::has_agent(const std::string& name) const {
  if (!process_) return false;
  const auto found = process_->roster().find(name);
  return found != process_->roster().end() && !found->second->leaving && !found->second->ended;
}

std::string BrokerMachine::debug() const {
  return process_ ? process_->debug() : name_ + " is down";
}

Program& BrokerMachine::start_program(const std::string& name) {
  const std::string generation = name_ + "-" + std::to_string(++generations_);
  auto program = std::make_unique<Program>(
      world_.timeline, time_, world_.dice, name, generation, world_.dice.chance(0.5),
      [this, name, generation](std::string& text) {
        world_.shown(name_, name, text);
        if (!world_.dies_of_it()) return;
        world_.log([&] { return "!! the program of " + name + " dies of what it has read"; });
        world_.crashed(name);
        if (Program* reader = find_program(generation)) reader->exit();
      });
  if (world_.options.terminals_take_parts) program->take_parts();
  return *programs_.emplace(generation, std::move(program)).first->second;
}

Program* BrokerMachine::find_program(const std::string& generation) {
  const auto found = programs_.find(generation);
  return found == programs_.end() ? nullptr : found->second.get();
}

void BrokerMachine::end_program(const std::string& generation) {
  auto ended = programs_.extract(generation);
  if (!ended) return;
  ended.mapped()->unwatch();
  ended.mapped()->exit();
  gone_.push_back(std::move(ended.mapped()));
}

}  // namespace relay::simulation
