#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "broker/agent.hpp"
#include "net/event.hpp"
#include "wire/node_frames.hpp"

namespace relay::broker {

/// A name that is being given to an agent: nobody else gets it meanwhile.
struct Reservation {
  explicit Reservation(asio::any_io_executor executor) : ended(std::move(executor)) {}
  /// Its agent is there, or the name is given up.
  net::Event ended;
  /// Who is to have it, from when it is known. Its program may run already.
  std::shared_ptr<Agent> agent;
  /// Somebody released the name before its agent was there: the spawn has to undo itself.
  bool released = false;
};

/// The agents of this broker, and the names that are about to be given. On the loop thread.
class Roster {
 public:
  explicit Roster(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// `name_conflict` for a name that an agent has or is about to have.
  [[nodiscard]] Result<std::shared_ptr<Reservation>> reserve(const std::string& name);
  /// Nothing when the name has been given to somebody else meanwhile.
  void give_up(const std::string& name, const std::shared_ptr<Reservation>& reservation);
  /// The agent takes its reserved name.
  void add(std::shared_ptr<Agent> agent);
  /// Nobody attends its program any more. Null when there is no such agent.
  [[nodiscard]] std::shared_ptr<Agent> remove(const std::string& name);

  /// Null for none.
  [[nodiscard]] std::shared_ptr<Agent> find(const std::string& name);
  [[nodiscard]] Agent* by_id(const std::string& agent_id);
  [[nodiscard]] Agent* by_generation(const std::string& generation);
  /// Of a spawn that is under way; null for none.
  [[nodiscard]] std::shared_ptr<Reservation> reservation(const std::string& name);

  /// Also one whose spawn is under way: a program may speak before it is written down that it runs.
  [[nodiscard]] std::shared_ptr<Agent> speaker(const std::string& name);
  [[nodiscard]] std::vector<std::shared_ptr<Agent>> speakers();

  /// By name.
  [[nodiscard]] std::vector<std::shared_ptr<Agent>> all();
  /// Agents, and those that are about to be.
  [[nodiscard]] std::size_t size() const { return agents_.size() + reserved_.size(); }
  [[nodiscard]] std::size_t spawning() const { return reserved_.size(); }
  /// For the engine: those whose program runs.
  [[nodiscard]] std::vector<wire::InventoryEntry> inventory();

 private:
  asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<Agent>> agents_;
  std::map<std::string, std::shared_ptr<Reservation>> reserved_;
};

}  // namespace relay::broker
