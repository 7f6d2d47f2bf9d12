#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/agent_mailbox.hpp"
#include "node_control/delivery_clerk.hpp"
#include "node_control/liveness.hpp"
#include "node_control/outbox.hpp"
#include "node_control/reconnect_policy.hpp"
#include "node_control/reply_book.hpp"
#include "pty/injection/injection.hpp"
#include "simulation/broker_machine.hpp"
#include "wire/engine_frames.hpp"

namespace relay::simulation {

/// An agent and what types for it: AgentMailbox and Injection with the steps between them.
struct Resident {
  std::string name;
  std::string id;
  broker::AgentMailbox mailbox;
  std::unique_ptr<pty::Injection> session;
  Program* program = nullptr;
  bool restarts = false;
  bool leaving = false;
  bool ended = false;
  bool letting_go = false;

  enum class Feeding { idle, beginning, offering, resting };
  Feeding feeding = Feeding::idle;
  std::vector<std::uint64_t> numbers;
  std::vector<broker::Begun> verdicts;
  std::size_t next = 0;
  bool next_begun = false;
  /// Of the program: what was asked for an earlier one is of no interest any more.
  std::uint64_t epoch = 0;
  std::vector<std::uint64_t> typing;
  std::set<std::uint64_t> ends;
  std::optional<Monotonic> alarm;
  /// A person holds its messages back.
  std::optional<Monotonic> held;

  [[nodiscard]] bool takes_messages() const { return !leaving && (!ended || restarts); }
};
using ResidentPtr = std::shared_ptr<Resident>;

/// A broker while it runs. What decides is the broker's own; the coroutines around it are replaced
/// by calls.
class BrokerProcess {
 public:
  explicit BrokerProcess(BrokerMachine& machine);
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  [[nodiscard]] Disk& disk() { return disk_; }
  [[nodiscard]] bool accepted() const { return accepted_; }
  [[nodiscard]] const LinkPtr& link() const { return link_; }
  void stop_until(Monotonic when) { life_.stop_until(when); }
  [[nodiscard]] const std::map<std::string, ResidentPtr>& roster() const { return roster_; }
  void hold(Resident& agent, bool on);
  [[nodiscard]] std::string debug() const;

 private:
  using Outcome = std::variant<wire::Json, std::string>;

  void log(const std::string& what) const;
  void job(std::function<void()> apply, std::function<void(Result<void>)> answer);

  // The connection: NodeSession and NodeConversation.
  void connect();
  void begin(LinkPtr link);
  void lost();
  void hear(Parcel parcel);
  void take(wire::Deliver frame, std::string text);
  void take(wire::ActionInvoke frame);
  void take(const wire::Reply& reply);
  void take(const wire::ErrorFrame& error);
  void accept();
  bool send(wire::NodeFrame frame);
  void send_register(std::string id);
  void send_heartbeat();
  void ask(std::uint64_t question);
  void flush();
  void follow(const node_control::Liveness::Steps& steps);
  void on_time();
  void wake();
  void check_liveness() const;
  [[nodiscard]] bool may_list() const;
  void inventory_changed() { follow(liveness_.sync_now(life_.now())); }
  [[nodiscard]] std::vector<wire::InventoryEntry> inventory() const;
  void correct(node_control::Verdict verdict, const std::string& id, const std::string& name);

  // The delivery clerk: NodeDeliveries.
  void work();
  void perform(const node_control::DeliveryAction& action);
  void registered(const std::string& id, const std::string& name,
                  std::optional<std::uint64_t> acked);
  void released(const std::string& id);

  // Messages: Postman.
  void surfaced(node_control::Delivery delivery);
  void deliver(broker::Mail message, const std::string& reason_if_gone);
  void restore(broker::StoredMessage stored);
  void queue_end(const broker::Mail& message, pty::InjectionOutcome outcome,
                 const std::string& agent = {});
  void write_ends();
  void end_later(const broker::Mail& message, pty::InjectionOutcome outcome,
                 const std::string& agent);
  void check_burial(const broker::Mail& message, const std::string& reason);
  [[nodiscard]] Resident* by_id(const std::string& id);

  // Agents: Agent, Spawner, Releaser.
  ResidentPtr attend(const std::string& name, const std::string& id, Program& program);
  void attach(const ResidentPtr& agent, Program& program);
  void let_go(Resident& agent);
  void feed(const ResidentPtr& agent);
  void offer_more(const ResidentPtr& agent);
  void rest(const ResidentPtr& agent);
  bool offer(const ResidentPtr& agent, std::uint64_t number);
  void do_steps(const ResidentPtr& agent, pty::InjectionSteps steps);
  void type(const ResidentPtr& agent, const std::string& bytes, std::uint64_t epoch);
  void end_message(Resident& agent, std::uint64_t number, pty::InjectionOutcome outcome);
  void look_whether_read(const ResidentPtr& agent);
  void wake_session(const ResidentPtr& agent);
  void program_ended(const ResidentPtr& agent);
  void bury(Resident& agent, const std::string& reason);
  using Registered = std::function<void(std::optional<wire::AgentRegistered>)>;
  void ask_registration(const std::string& name, const std::string& invocation, bool spawns,
                        Registered then);
  void answered(const std::string& question, std::optional<wire::AgentRegistered> data);
  void spawn(const std::string& invocation, const std::string& name);
  void release(const std::string& invocation, const std::string& name);
  void finish(const std::string& invocation, Outcome outcome);
  void give_result(const std::string& invocation, Outcome outcome);

  BrokerMachine& machine_;
  World& world_;
  Dice& dice_;
  Life life_;
  Disk disk_;

  node_control::Liveness liveness_;
  node_control::Outbox outbox_;
  node_control::ReplyBook questions_;
  node_control::ReconnectPolicy policy_;
  LinkPtr link_;
  bool accepted_ = false;
  std::string register_id_;
  std::uint64_t ids_ = 0;
  std::set<std::string> corrected_;
  std::map<std::string, Monotonic> running_;
  /// Actions that were begun and have no result, whatever became of their connection.
  std::set<std::string> doing_;
  std::optional<Monotonic> inventory_owed_;
  /// When a frame of the engine came, or the connection began.
  Monotonic heard_{};
  std::optional<Monotonic> write_again_;
  std::optional<Monotonic> alarm_;
  std::map<std::string, Registered> waiting_;
  /// Names by question.
  std::map<std::string, std::string> spawning_;

  node_control::DeliveryClerk clerk_;
  bool working_ = false;
  bool store_failed_ = false;

  std::map<std::string, ResidentPtr> roster_;
  std::set<std::string> reserved_;
  std::map<std::string, std::vector<broker::Mail>> early_;
  struct End {
    broker::MessageEnd end;
    std::string agent;
    std::uint64_t number = 0;
  };
  std::deque<End> ends_;
  bool writing_ends_ = false;
  std::uint64_t next_number_ = 1;
};

}  // namespace relay::simulation
