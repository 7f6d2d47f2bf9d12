#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/dispatch.hpp"
#include "engine/ids.hpp"
#include "simulation/disk.hpp"
#include "simulation/link.hpp"
#include "simulation/memory_store.hpp"
#include "simulation/timeline.hpp"

namespace relay::simulation {

class World;

/// A machine with the engine on it: the database outlives the process, everything else does not.
/// What decides is the engine's own; the coroutines around it are replaced by calls.
class EngineMachine {
 public:
  explicit EngineMachine(World& world);
  ~EngineMachine();
  EngineMachine(const EngineMachine&) = delete;
  EngineMachine& operator=(const EngineMachine&) = delete;

  void start();
  void crash();
  /// It does nothing until then.
  void stop_until(Monotonic when);
  [[nodiscard]] bool is_up() const { return process_ != nullptr; }
  [[nodiscard]] Disk* disk();
  [[nodiscard]] MachineClock& clock() { return clock_; }
  [[nodiscard]] const engine::MemoryStore& store() const { return store_; }

  /// A node's connection, with a token that is good. False when nobody listens.
  bool accept(const LinkPtr& link, engine::Id node);
  engine::Id enroll(const std::string& name);

  template <class T>
  using Answer = std::function<void(Result<T>)>;
  /// What comes over REST; an answer may never come.
  void post(const std::string& agent, const std::string& text, bool steer, Answer<bool> answer);
  using Making = std::function<Result<engine::Invocation>(engine::Store&)>;
  void call(Making making, Answer<engine::Id> answer);

 private:
  class Process;
  void look();

  World& world_;
  MachineClock clock_;
  engine::IdSource ids_;
  engine::MemoryStore store_;
  std::unique_ptr<Process> process_;
};

}  // namespace relay::simulation
