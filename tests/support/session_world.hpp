#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/task_group.hpp"
#include "pty/session/session.hpp"
#include "support/keeper_world.hpp"

namespace relay::test {

/// A program in its session, as a broker has it.
struct Agent {
  std::string generation;
  std::unique_ptr<pty::Session> session;
  /// Belongs to the session.
  pty::KeptProcess* process = nullptr;
  /// How run() has ended.
  std::optional<Result<os::ExitStatus>> ended;
  /// The ends of its messages, as they came.
  std::vector<pty::InjectionStep> endings;
};

/// Sessions under a keeper of a test's own. Everything is gone at the end.
class SessionWorld {
 public:
  SessionWorld();
  ~SessionWorld();
  SessionWorld(const SessionWorld&) = delete;
  SessionWorld& operator=(const SessionWorld&) = delete;

  /// Starts a program and its session. The agent lives as long as the world.
  Agent& start(pty::SpawnOrder order, const pty::Profile& profile);
  /// The same for a shell script, with the profile that knows nothing.
  Agent& shell(const std::string& generation, const std::string& script);

  /// Runs the loop until this holds; throws when it does not within `at_most`.
  void until(const std::function<bool()>& holds, const std::string& what,
             Duration at_most = kPatience);
  /// Until the agent's output, as far as its ring holds it, has this text.
  void until_shown(const Agent& agent, std::string_view text);
  /// Ends the agent's tree, and waits until its session has ended and nothing is left.
  void end(Agent& agent, Duration grace = Duration::zero());
  /// Leaves all sessions as a broker does that goes away; the programs go on.
  void leave();

  KeeperWorld keeper;
  SystemClock clock;
  /// Never moves by itself: a session that goes by it misses no event by a timeout.
  FakeClock standing_clock;
  /// What sessions that are started from now on go by.
  const Clock* session_clock = &clock;
  /// Whether they are told when their program reads, as where the system can.
  bool reads_are_told = true;

 private:
  asio::awaitable<void> hand_out_events();
  static asio::awaitable<void> run_session(Agent* agent);

  pty::InputWatch watch_;
  /// Nobody runs it.
  pty::InputWatch silent_watch_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::set<std::string> gone_;
  net::TaskGroup tasks_;
};

/// What the ring still holds.
[[nodiscard]] std::string held_output(const pty::Session& session);

/// The profile that fits every program: no box, lines or bytes.
[[nodiscard]] pty::Profile plain_profile();

}  // namespace relay::test
