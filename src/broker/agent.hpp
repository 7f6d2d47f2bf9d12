#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "broker/activity.hpp"
#include "broker/agent_mailbox.hpp"
#include "broker/event_log.hpp"
#include "broker/guest_terminal.hpp"
#include "broker/records.hpp"
#include "broker/spawn_request.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "os/fd.hpp"
#include "pty/injection/profile.hpp"
#include "pty/session/session.hpp"

namespace relay::broker {

class Agent;

/// The broker, as one agent needs it. On the loop thread.
class AgentHost {
 public:
  AgentHost() = default;
  virtual ~AgentHost() = default;
  AgentHost(const AgentHost&) = delete;
  AgentHost& operator=(const AgentHost&) = delete;

  [[nodiscard]] virtual Records& records() = 0;
  /// Puts a body that is too long to be typed into a file for the agent.
  virtual Result<void> keep_body(const std::string& path, std::string_view body) = 0;
  [[nodiscard]] virtual std::string body_path(const Agent& agent, const Mail& message) = 0;
  /// A message has ended; it is in no mailbox any more. Must not destroy the agent.
  virtual void message_ended(Agent& agent, Mail message, pty::InjectionOutcome outcome) = 0;
  /// The program has ended, and no message is being typed any more. Must not destroy the agent.
  virtual void program_ended(Agent& agent, const Result<os::ExitStatus>& how) = 0;
  /// The agent has something to be looked at on time, or its state is another one.
  virtual void agent_changed(Agent& agent) = 0;
};

/// An agent: who it is, the program behind it, and what waits for it. Outlives its programs.
class Agent {
 public:
  /// What comes in by reference outlives this.
  Agent(asio::any_io_executor executor, AgentHost& host, EventLog& events, const Clock& clock,
        SpawnRequest request, pty::Profile profile);
  /// No program is attended any more (`stop`).
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// A program that runs for this agent from now on.
  class Program {
   public:
    Program(os::Fd master_in, std::unique_ptr<pty::SessionProcess> process_in,
            std::string generation_in, os::WindowSize size_in)
        : master(std::move(master_in)),
          process(std::move(process_in)),
          generation(std::move(generation_in)),
          size(size_in) {}
    os::Fd master;
    std::unique_ptr<pty::SessionProcess> process;
    std::string generation;
    os::WindowSize size;
  };
  /// Attends the program. None is attended now.
  Result<void> start(Program program, pty::InputWatch& watch, pty::OutputTurns& turns);
  /// The same for one that runs in a person's own terminal.
  void start(std::unique_ptr<GuestTerminal> guest, std::string generation);
  /// Lets go of the program, which lives on; messages that it was given wait again. Also good when
  /// none is attended.
  asio::awaitable<void> stop();

  /// What is given to it now is typed next, as far as can be told.
  [[nodiscard]] bool is_idle() const;
  /// Gives a message to the agent. `queue_full` and nothing is taken.
  [[nodiscard]] Result<void> accept(Mail message);
  /// A message for it has become a dead letter.
  void count_dead() { ++dead_; }
  /// That this message has ended is on disk.
  void end_kept(std::uint64_t number);
  /// No other message is begun, for ever: another broker takes over. Returns when the one that is
  /// being typed has ended, and keys that waited for it are in the terminal, or the time is over.
  asio::awaitable<void> finish_typing(Duration at_most);
  /// After `finish_typing`: messages whose beginning is on disk, of which nothing was typed.
  [[nodiscard]] std::vector<MessageKey> untyped() const;
  /// Of a message of this agent: the agent itself has shown that it read it.
  void hook(std::uint64_t number);

  /// Where it is known: events that are told when nothing comes.
  void on_time(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const { return activity_.next_deadline(); }

  std::size_t set_mode(DeliveryMode mode);
  std::size_t flush();

  /// Waits until the program can be talked to; false when that took longer, or it has ended.
  asio::awaitable<bool> wait_ready(Duration at_most);
  /// Waits until the program has ended.
  asio::awaitable<bool> wait_exit(Duration at_most);

  [[nodiscard]] AgentView view() const;
  [[nodiscard]] const std::string& name() const { return request_.name; }
  [[nodiscard]] const SpawnRequest& request() const { return request_; }
  [[nodiscard]] const std::vector<std::string>& channels() const { return request_.channels; }
  void set_channels(std::vector<std::string> channels) { request_.channels = std::move(channels); }
  [[nodiscard]] const pty::Profile& profile() const { return profile_; }
  /// Null before the first program, and for one in a person's own terminal.
  [[nodiscard]] pty::Session* session() { return session_.get(); }
  [[nodiscard]] GuestTerminal* guest() { return guest_.get(); }
  [[nodiscard]] AgentMailbox& mailbox() { return mailbox_; }
  [[nodiscard]] const AgentMailbox& mailbox() const { return mailbox_; }
  [[nodiscard]] const std::optional<os::ExitStatus>& exit() const { return exit_; }
  /// Its program runs, or another one is about to be started: what comes for it is kept.
  [[nodiscard]] bool takes_messages() const { return !leaving && (!ended_ || restarting); }
  /// For who waits on it: the next program has another one.
  [[nodiscard]] std::shared_ptr<pty::Session> held_session() const { return session_; }
  [[nodiscard]] const std::string& generation() const { return generation_; }
  /// The last rows that its terminal shows, for an error message; printable.
  [[nodiscard]] std::string last_words();

  /// Who it is at the engine.
  std::string agent_id;
  Secret token;
  /// What it hands its results in with; empty when nobody wants any.
  Secret result_token;
  /// Of the agent's own CLI.
  std::string session_id;
  Wall started{};
  std::uint32_t restarts = 0;
  std::uint32_t failures_in_row = 0;
  /// It is being ended: no message goes to it, and no program is started for it.
  bool leaving = false;
  /// Its program has ended, and another one is about to be started.
  bool restarting = false;

 private:
  void begin_life();
  asio::awaitable<void> attend();
  asio::awaitable<void> feed();
  asio::awaitable<Result<std::vector<Begun>>> begin(std::vector<std::uint64_t> numbers);
  /// A guest's terminal takes no more: this one comes again, before those behind it.
  asio::awaitable<void> offer_later(std::uint64_t number);
  /// False when the terminal does not take it now.
  [[nodiscard]] bool offer(std::uint64_t number);
  [[nodiscard]] Result<pty::InjectionItem> item_of(const Mail& message);
  void on_step(const pty::InjectionStep& step);
  void on_change();
  [[nodiscard]] pty::Readiness readiness() const;
  void tell_output();
  /// What was typed before may have been read since.
  [[nodiscard]] bool reads_late() const;
  void end_message(std::uint64_t number, pty::InjectionOutcome outcome);
  void withdraw(std::uint64_t number);
  [[nodiscard]] bool may_type() const;

  asio::any_io_executor executor_;
  AgentHost& host_;
  EventLog& events_;
  const Clock& clock_;
  SpawnRequest request_;
  pty::Profile profile_;
  Activity activity_;
  AgentMailbox mailbox_;
  net::Event changed_;

  std::string generation_;
  pid_t pid_ = 0;
  /// The program has ended, or nobody will ever know how it does.
  bool ended_ = false;
  std::optional<os::ExitStatus> exit_;
  std::shared_ptr<pty::Session> session_;
  /// In place of a session.
  std::unique_ptr<GuestTerminal> guest_;
  std::unique_ptr<net::TaskGroup> life_;
  /// Up to here the output was looked at, and told to watchers.
  std::uint64_t seen_ = 0;
  std::uint64_t told_ = 0;
  std::vector<std::uint64_t> typing_;
  /// Messages whose end is not on disk yet.
  std::set<std::uint64_t> ends_;
  /// A message that a guest had no room for is the next one again.
  bool returned_ = false;
  bool letting_go_ = false;
  bool handing_over_ = false;

  std::uint64_t submitted_ = 0;
  std::uint64_t typed_ = 0;
  std::uint64_t unread_ = 0;
  std::uint64_t dead_ = 0;
};

}  // namespace relay::broker
