#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "node_control/delivery_book.hpp"

namespace relay::node_control {

/// A small engine, a faulty line, an injector and one DeliveryBook, on virtual time. One seed is
/// one schedule. Every surfaced, finished and acknowledged number is checked against the engine's
/// rows as it happens; `run` adds the checks that hold after the faults have ended.
class DeliveryWorld {
 public:
  DeliveryWorld(std::uint64_t seed, bool trace);

  /// What went wrong, or nothing.
  std::optional<std::string> run();

  struct Sums {
    std::uint64_t posted = 0;
    std::uint64_t late = 0;
    std::uint64_t skipped = 0;
    std::uint64_t restarts = 0;
    std::uint64_t duplicates = 0;
  };
  [[nodiscard]] Sums sums() const { return sums_; }

 private:
  struct Row {
    std::string delivery_id;
    bool expired = false;
    bool acked = false;
    bool open = false;
    int done = 0;
    int dead = 0;
  };
  struct Agent {
    std::string id;
    std::string name;
    /// The name by which the broker knows it.
    std::string bound_name;
    std::vector<Row> rows;
    std::vector<Row> ephemeral;
    std::uint64_t cursor = 0;
    /// The engine believes that it lives on this node.
    bool here = false;
    /// The broker has it in its inventory.
    bool hosted = false;
    bool deleted = false;
    /// Bound to this node by mistake: the broker never hears of it.
    bool ghost = false;
    std::optional<std::int64_t> reply_at;
    std::uint64_t reply_cursor = 0;
    /// Open deliveries with the injector, in order; ephemeral ones as -1 - index.
    std::vector<std::int64_t> queue;
  };
  struct Flight {
    std::int64_t at = 0;
    bool to_engine = false;
    std::size_t agent = 0;
    std::uint64_t seq = 0;
    std::size_t ephemeral = 0;
    std::string name;
  };

  bool chance(int percent) { return random_.below(100) < static_cast<std::uint64_t>(percent); }
  std::size_t any_agent() { return static_cast<std::size_t>(random_.below(agents_.size())); }
  std::int64_t delay();
  [[nodiscard]] Monotonic time() const { return Monotonic(std::chrono::milliseconds(now_)); }

  void step();
  void advance(std::int64_t by);
  void post(std::size_t agent);
  void post_ephemeral(std::size_t agent);
  void send(std::size_t agent, std::uint64_t seq, std::size_t ephemeral);
  void replay(std::size_t agent);
  void inventory();
  void connect();
  void disconnect();
  void restart();
  void begin_register(std::size_t agent);
  void end_register(std::size_t agent);
  void release(std::size_t agent);
  void rename(std::size_t agent);
  void recreate(std::size_t agent);
  void inject(std::size_t agent);
  void arrive(const Flight& flight);
  void engine_ack(const std::string& name, std::uint64_t up_to);
  void heal();
  [[nodiscard]] bool settled() const;

  void execute(const std::vector<DeliveryAction>& actions);
  void on(const Surface& action);
  void on(const Ack& action);
  void on(const DeadLetter& action);
  void on(const Skipped& action);
  void on(const Resync&) { inventory(); }
  void on(const Renamed& action);
  void on(const Renumbered& action);
  Agent* find(const std::string& id);
  void fail(const std::string& what);
  void note(const std::string& what);

  SeededRandom random_;
  bool trace_;
  /// Nothing but losses, reordering, repeats, cuts and restarts within the waits: then nothing may
  /// ever be late.
  bool calm_;
  bool handshake_;
  int drop_percent_;
  int repeat_percent_;
  int fail_percent_;
  std::int64_t most_delay_;
  bool faults_ = true;

  std::int64_t now_ = 1'000'000;
  std::int64_t next_inventory_ = 0;
  bool connected_ = false;
  MailboxPolicy policy_;
  std::unique_ptr<DeliveryBook> book_;
  std::vector<Agent> agents_;
  std::vector<Flight> line_;
  std::uint64_t names_ = 0;
  std::uint64_t ids_ = 0;
  Sums sums_;
  std::optional<std::string> failure_;
};

}  // namespace relay::node_control
