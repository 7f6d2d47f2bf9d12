#pragma once

#include <asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/operations.hpp"
#include "broker/parts.hpp"
#include "broker/postman.hpp"
#include "broker/programs.hpp"
#include "broker/releaser.hpp"
#include "broker/spawner.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "node_control/node_handler.hpp"

namespace relay::broker {

/// Joins the node's session with the programs in their terminals: what may be asked of it is
/// `Operations`, what the engine asks comes by `NodeHandler`. On the loop thread.
///
///   Broker broker(parts, hooks);
///   parts.engine = …;                       // made with broker.node_handler()
///   co_await broker.start();                // takes over what an earlier broker left
///   …                                       // until hooks.on_end is called
///   co_await broker.stop(Broker::Agents::end);
class Broker final : public Operations, private AgentHost, private node_control::NodeHandler {
 public:
  class Hooks {
   public:
    Hooks() = default;
    /// Somebody asked for the end; or, with an error, it cannot go on.
    std::function<void(std::optional<Error>)> on_end;
    /// For the log; free of secrets.
    std::function<void(node_control::NoteLevel, std::string)> on_note;
  };
  /// `parts` outlives this.
  Broker(BrokerParts& parts, Hooks hooks);
  ~Broker() override;

  [[nodiscard]] node_control::NodeHandler& node_handler() { return *this; }

  /// Adopts the agents that the keeper holds, and what waits for them. Before the engine is talked
  /// to, so that the first inventory is the true one.
  asio::awaitable<Result<void>> start();

  enum class Agents {
    end,    // whole trees, with their messages as dead letters
    leave,  // to the next broker: nothing of theirs is touched
  };
  /// For the next broker: what is being typed is finished, then nobody reads the terminals here.
  /// What was read from them can be seen until `stop`, which does this if nobody has.
  asio::awaitable<void> let_go();
  /// Always, also after an error of `start`.
  asio::awaitable<void> stop(Agents agents);
  /// Its keeper is dead or another broker's: none of the agents can be ended from here.
  [[nodiscard]] bool keeper_lost() const { return keeper_lost_; }

  asio::awaitable<Result<SpawnedAgent>> spawn(SpawnRequest request) override;
  asio::awaitable<Result<ReleasedAgent>> release(ReleaseRequest request) override;
  [[nodiscard]] std::vector<AgentView> agents() override;
  [[nodiscard]] Result<AgentView> agent(const std::string& name) override;
  [[nodiscard]] BrokerView broker() override;
  [[nodiscard]] EventLog& events() override { return parts_.events; }
  [[nodiscard]] Handlers& handlers() override { return handlers_; }
  asio::awaitable<Result<SentMessage>> send(SendRequest request) override;
  asio::awaitable<Result<std::size_t>> type(std::string name, std::string keys) override;
  Result<void> human_done(const std::string& name) override;
  Result<pty::SizeAnswer> resize(const std::string& name, const pty::SizeRequest& request) override;
  [[nodiscard]] Result<pty::ScreenView> screen(const std::string& name) override;
  asio::awaitable<Result<pty::ViewedOutput>> output(std::string name, std::uint64_t cursor,
                                                    Duration at_most) override;
  asio::awaitable<Result<ModeChanged>> set_mode(std::string name, ModeChange change) override;
  asio::awaitable<Result<std::size_t>> flush(std::string name) override;
  [[nodiscard]] Result<std::vector<PendingMessage>> pending(const std::string& name) override;
  asio::awaitable<Result<std::vector<DeadLetterView>>> dead_letters(std::int64_t after,
                                                                    std::size_t most) override;
  asio::awaitable<Result<void>> redeliver(std::int64_t id) override;
  asio::awaitable<Result<void>> drop_dead_letter(std::int64_t id) override;
  Result<std::vector<std::string>> subscribe(const std::string& name,
                                             const std::vector<std::string>& channels) override;
  Result<std::vector<std::string>> unsubscribe(const std::string& name,
                                               const std::vector<std::string>& channels) override;
  asio::awaitable<Result<void>> set_model(std::string name, std::string model,
                                          Duration at_most) override;
  Result<AcceptedResult> hand_in(HandedIn result) override;
  [[nodiscard]] std::vector<CrashView> crashes() override;
  void shut_down() override;

 private:
  asio::awaitable<Result<SentMessage>> publish(SendRequest request);
  asio::awaitable<Result<void>> find_message(std::string id, std::string for_whom);
  asio::awaitable<std::optional<Result<SentMessage>>> send_to_channel(SendRequest request,
                                                                      std::string* warning);
  asio::awaitable<void> change_channel(std::shared_ptr<Agent> agent, std::string channel, bool in);
  // For the agents
  Records& records() override { return parts_.records; }
  Result<void> keep_body(const std::string& path, std::string_view body) override;
  [[nodiscard]] std::string body_path(const Agent& agent, const Mail& message) override;
  void message_ended(Agent& agent, Mail message, pty::InjectionOutcome outcome) override;
  void program_ended(Agent& agent, const Result<os::ExitStatus>& how) override;
  void agent_changed(Agent& agent) override;

  // For the node's session
  void surfaced(node_control::Delivery delivery, bool late) override;
  void dead_letter(node_control::DeadLetter letter) override;
  void skipped(node_control::Skipped range) override;
  void renamed(node_control::Renamed change) override;
  void invoked(wire::ActionInvoke action) override;
  void result_settled(std::string invocation_id) override;
  std::vector<wire::InventoryEntry> inventory() override;
  node_control::NodeLoad load() override;
  void registered_again(std::string old_agent_id, wire::AgentRegistered agent) override;
  void tunnel(const node_control::TunnelReport& report) override;
  void note(node_control::NoteLevel level, std::string text) override;

  asio::awaitable<void> follow_keeper();
  asio::awaitable<void> keep_time();
  void connect_handlers();
  asio::awaitable<void> act(wire::ActionInvoke action);
  void settle(std::string invocation_id, ActionOutcome outcome);
  asio::awaitable<void> give_result(std::string invocation_id, ActionOutcome outcome);
  asio::awaitable<void> forget_result(std::string invocation_id);
  asio::awaitable<void> after_exit(std::shared_ptr<Agent> agent, Result<os::ExitStatus> how);
  asio::awaitable<void> restart(std::shared_ptr<Agent> agent, Duration after);
  asio::awaitable<Result<void>> adopt_agents();
  asio::awaitable<void> ask_to_paint(std::shared_ptr<Agent> agent);
  [[nodiscard]] Result<std::shared_ptr<Agent>> known(const std::string& name);
  void tell_exit(Agent& agent, const Result<os::ExitStatus>& how);
  void keep_crashes();
  [[nodiscard]] os::Path crashes_path() const;

  BrokerParts& parts_;
  Hooks hooks_;
  Programs programs_;
  Postman postman_;
  Releaser releaser_;
  Spawner spawner_;
  Handlers handlers_;
  net::Event time_changed_;
  net::TaskGroup tasks_;
  Monotonic started_;
  std::uint64_t spawned_ = 0;
  std::uint64_t crash_count_ = 0;
  std::deque<CrashView> crashes_;
  std::uint64_t restarts_ = 0;
  bool draining_ = false;
  bool let_go_ = false;
  bool keeper_lost_ = false;
};

}  // namespace relay::broker
