// What goes wrong in a simulated world, and how it is healed.
#include <algorithm>
#include <utility>

#include "simulation/world.hpp"

namespace relay::simulation {

using namespace std::chrono_literals;

/// Each run has some kinds of faults and not others, so that no kind hides another.
void World::begin_faults() {
  break_links();
  break_processes();
  break_disks_and_clocks();
  disturb_programs();
}

void World::break_links() {
  every(dice.between(10s, 200s), dice.chance(0.7), [this] {
    const auto link = any_broker().link();
    if (!link) return;
    log([] { return std::string("!! a connection is cut"); });
    if (dice.chance(0.2)) return link->hollow();
    link->cut(dice.chance(0.6), dice.chance(0.6));
  });
  every(dice.between(10s, 200s), dice.chance(0.6), [this] {
    const auto link = any_broker().link();
    if (!link) return;
    log([] { return std::string("!! a connection stands still"); });
    link->stall(dice.chance(0.5) ? Link::node : Link::engine, dice.between(10ms, 70s));
  });
  every(dice.between(60s, 400s), dice.chance(0.4), [this] {
    BrokerMachine& broker = any_broker();
    log([&] { return "!! " + broker.name() + " is cut off"; });
    broker.isolate_until(timeline.now() + dice.between(1s, 300s));
    if (const auto link = broker.link()) link->cut(dice.chance(0.5), dice.chance(0.5));
  });
}

void World::break_processes() {
  every(dice.between(30s, 400s), dice.chance(0.5), [this] { kill_engine(); });
  every(dice.between(30s, 400s), dice.chance(0.6),
        [this] { kill(any_broker(), dice.chance(0.2)); });
  every(dice.between(60s, 600s), dice.chance(0.3), [this] {
    const Monotonic until = timeline.now() + dice.between(100ms, 90s);
    if (dice.chance(0.5)) {
      log([] { return std::string("!! the engine is stopped"); });
      return engine.stop_until(until);
    }
    BrokerMachine& broker = any_broker();
    log([&] { return "!! " + broker.name() + " is stopped"; });
    broker.stop_until(until);
  });
}

void World::kill_engine() {
  if (!engine.is_up()) return;
  log([] { return std::string("!! the engine is killed"); });
  engine.crash();
  life_.after(dice.between(10ms, 60s), [this] { engine.start(); });
}

void World::kill(BrokerMachine& broker, bool whole_machine) {
  if (!broker.is_up()) return;
  log([&] { return "!! " + broker.name() + (whole_machine ? " loses its power" : " is killed"); });
  broker.crash(whole_machine);
  life_.after(dice.between(10ms, 60s), [&broker] { broker.start(); });
}

/// Right behind something that has happened to a message or a call: before it is answered, while
/// it is said, before it is written down.
void World::bad_moment() {
  life_.after(dice.chance(0.3) ? Duration(0) : dice.between(0ms, 15ms), [this] {
    if (!faulty_) return;
    BrokerMachine& broker = any_broker();
    switch (dice.below(5)) {
      case 0: return kill_engine();
      case 1: return kill(broker, false);
      case 2: return kill(broker, dice.chance(0.5));
      case 3:
        if (const auto link = broker.link()) {
          log([&] { return "!! the connection of " + broker.name() + " is cut"; });
          link->cut(dice.chance(0.6), dice.chance(0.6));
        }
        return;
      default: break;
    }
    Disk* disk = dice.chance(0.4) ? engine.disk() : broker.disk();
    if (disk != nullptr) disk->fail_for(dice.between(1ms, 2s));
  });
}

void World::break_disks_and_clocks() {
  every(dice.between(30s, 300s), dice.chance(0.4), [this] {
    Disk* disk = dice.chance(0.4) ? engine.disk() : any_broker().disk();
    if (disk == nullptr) return;
    log([] { return std::string("!! a disk fails"); });
    disk->fail_for(dice.between(10ms, 30s));
  });
  every(dice.between(30s, 300s), dice.chance(0.3), [this] {
    Disk* disk = dice.chance(0.4) ? engine.disk() : any_broker().disk();
    if (disk == nullptr) return;
    log([] { return std::string("!! a disk is slow"); });
    disk->be_slow_for(dice.between(1s, 60s));
  });
  every(dice.between(60s, 600s), dice.chance(0.3), [this] {
    const Duration most = dice.chance(0.5) ? Duration(90s) : Duration(24h);
    const Duration by = dice.between(-most, most);
    const std::string text =
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(by).count()) + " s";
    // What decides in a broker knows no wall clock; the engine asks its own only.
    if (dice.chance(0.6)) {
      log([&] { return "!! the engine's clock jumps by " + text; });
      return engine.clock().jump(by);
    }
    BrokerMachine& broker = any_broker();
    const Duration asleep = std::min(by < Duration() ? -by : by, Duration(20min));
    log([&] { return "!! the machine of " + broker.name() + " sleeps"; });
    broker.sleep_for(asleep);
  });
}

void World::disturb_programs() {
  const auto one = [this](const std::function<void(Program&)>& what) {
    return [this, what] {
      Program* program = any_broker().program(dice.below(64));
      if (program != nullptr) what(*program);
    };
  };
  every(dice.between(20s, 200s), dice.chance(0.6), one([this](Program& program) {
          program.be_busy(dice.chance(0.2) ? dice.between(5min, 15min) : dice.between(100ms, 60s));
        }));
  every(dice.between(20s, 200s), dice.chance(0.4),
        one([this](Program& program) { program.be_still(dice.chance(0.6)); }));
  every(dice.between(20s, 200s), dice.chance(0.4),
        one([this](Program& program) { program.block(dice.between(10ms, 90s)); }));
  every(dice.between(40s, 400s), dice.chance(0.5), one([this](Program& program) {
          log([&] { return "!! the program of " + program.name() + " ends"; });
          crashed(program.name());
          program.exit();
        }));
  every(dice.between(40s, 300s), dice.chance(0.3), [this] {
    BrokerMachine& broker = any_broker();
    const auto which = dice.below(64);
    broker.hold(which, true);
    life_.after(dice.between(1s, 200s), [&broker, which] { broker.hold(which, false); });
  });
}

void World::heal() {
  log([] { return std::string("!! everything is healed"); });
  faulty_ = false;
  engine.start();
  engine.disk()->fail_for(0s);
  engine.disk()->be_slow_for(0s);
  for (auto& broker : brokers_) {
    broker->isolate_until(Monotonic());
    broker->start();
    broker->disk()->fail_for(0s);
    broker->disk()->be_slow_for(0s);
    for (std::size_t i = 0; i < broker->programs().size(); ++i) broker->hold(i, false);
  }
}

}  // namespace relay::simulation
