#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "wire/common.hpp"
#include "wire/json.hpp"

namespace relay::broker {

/// What an action ended with: its output, or the error in the engine's words.
using ActionOutcome = std::variant<wire::Json, std::string>;

/// Actions that programs of this machine do for the engine, beside those that the broker does
/// itself: who does what, and what is under way. A name belongs to one program, the one that asked
/// for it last: one that was started again takes its names from its last life.
///
/// Every action that is taken ends once: by its program's result, by that program's going
/// (`handler_unavailable`), or when its time is over. On the loop thread; calls out come from
/// within the calls in.
class Handlers {
 public:
  using Client = std::uint64_t;
  /// Tells a program of an action. False when it cannot be told.
  using Ask = std::function<bool(const std::string& invocation_id, const std::string& name,
                                 const wire::Json& input)>;
  class Owner {
   public:
    Owner() = default;
    std::function<void(std::string invocation_id, ActionOutcome outcome)> on_outcome;
    /// `offered` is another one than before.
    std::function<void()> on_offer;
    /// `next_deadline` may be nearer.
    std::function<void()> on_deadline;
  };

  /// Much longer than an engine waits before it asks another node: a node that is the only one
  /// with this action may take its time, one that forgets it does not keep it for ever.
  static constexpr Duration kWithin = std::chrono::minutes(10);
  /// Actions of one program that have no result yet; one more goes to another node.
  static constexpr std::size_t kMostUnderWay = 128;
  static constexpr std::size_t kMostNames = 256;
  static constexpr std::size_t kMostNameBytes = 128;
  /// Of what all programs say of their actions: it is in each heartbeat, and an engine takes frames
  /// of 1 MiB.
  static constexpr std::size_t kMostMetadata = std::size_t{256} << 10;

  explicit Handlers(Duration within = kWithin) : within_(within) {}
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;

  void owned_by(Owner owner) { owner_ = std::move(owner); }

  [[nodiscard]] Client join(Ask ask);
  /// It is gone; what it had under way is `handler_unavailable`. Once per client.
  void leave(Client client);

  /// What the program says that this node can do now, in place of what it said before.
  Result<void> declare(Client client, std::vector<wire::Capability> capabilities);
  /// The names that are asked of it, in place of those before.
  Result<void> serve(Client client, std::vector<std::string> names);
  /// Its result. `not_found` when it has no such action under way.
  Result<void> finish(Client client, const std::string& invocation_id, ActionOutcome outcome);

  [[nodiscard]] bool serves(const std::string& name) const { return by_name_.contains(name); }
  /// An action whose name is served; ends in `on_outcome`.
  void invoke(Monotonic now, std::string invocation_id, const std::string& name,
              const wire::Json& input);

  void on_time(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

  /// For the node's manifest: what was declared, and served names that nobody declared.
  [[nodiscard]] std::vector<wire::Capability> offered() const;
  [[nodiscard]] std::size_t under_way() const { return running_.size(); }

 private:
  struct Program {
    Ask ask;
    std::vector<wire::Capability> declared;
    std::set<std::string> names;
    std::size_t running = 0;
  };
  struct Running {
    Client client = 0;
    std::string name;
    Monotonic until{};
  };
  void end(std::map<std::string, Running>::iterator one, ActionOutcome outcome);
  void offer_changed() const {
    if (owner_.on_offer) owner_.on_offer();
  }

  Duration within_;
  Owner owner_;
  Client last_ = 0;
  std::map<Client, Program> programs_;
  std::map<std::string, Client> by_name_;
  /// By invocation.
  std::map<std::string, Running> running_;
};

}  // namespace relay::broker
