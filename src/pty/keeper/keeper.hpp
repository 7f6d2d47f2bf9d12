#pragma once

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "os/signals.hpp"
#include "pty/keeper/connection.hpp"
#include "pty/keeper/family.hpp"
#include "pty/keeper/home.hpp"
#include "pty/keeper/marks.hpp"
#include "pty/keeper/newcomers.hpp"
#include "pty/keeper/sessions.hpp"
#include "pty/keeper/spawner.hpp"

namespace relay::pty::keeper {

/// The parent of all sessions of one instance: one thread, one poll loop, no Asio. It obeys one
/// broker at a time over a socket, outlives it, and hands everything to the next. It ends when told
/// to, or when it was without a broker for the orphan grace; before that it ends every tree.
class Keeper {
 public:
  /// A process of its own, which is a subreaper. `listener` is from `listen_at`.
  Keeper(Place place, os::Fd listener, Duration orphan_grace);

  /// Every broker is told this until the other end of `until` is closed.
  void warn(Warning warning, os::Fd until);

  /// Returns when no agent is left and it is time to go.
  void run();

 private:
  void accept_all();
  void listen_to_candidates();
  void listen_to_broker();
  /// The candidate that has said hello takes the place of the broker.
  void hand_over(std::unique_ptr<Connection> connection, const Hello& hello);
  void obey(const Request& request);
  void start(const Spawn& order);
  [[nodiscard]] Listing listing(std::uint32_t request) const;
  void tell(const Report& report, int master = -1);
  void tell_warning();

  /// Collects children that have ended: leaders and those that came to us as orphans.
  void reap();
  void end(Session& session, Duration grace);
  void end_all(Duration grace);
  /// One walk for all sessions that are being ended and whose time it is.
  void walk();
  void act_on(SessionNumber number, const Family::Members& members, Monotonic now);
  /// Interactive shells ignore SIGTERM, and mind the end of their terminal.
  static void hang_up(Session& session, const ProcessRow& leader, Monotonic now);
  [[nodiscard]] Monotonic next_deadline();
  [[nodiscard]] Monotonic orphan_deadline() const;
  void wait();
  void say_goodbye();
  [[nodiscard]] bool finished() const;

  struct Candidate {
    std::unique_ptr<Connection> connection;
    Monotonic until;
  };

  SystemClock clock_;
  Place place_;
  os::Fd listener_;
  os::SignalQueue signals_;
  os::IgnoredSignal no_pipe_;
  LimitMark mark_;
  PidCounter counter_;
  Spawner spawner_;
  Family family_;
  Sessions sessions_;
  SessionNumber last_number_ = 0;
  /// Who was asked to end: a second SIGTERM means "at once" to many programs.
  std::set<std::pair<pid_t, std::uint64_t>> asked_;

  std::unique_ptr<Connection> broker_;
  std::vector<Candidate> candidates_;
  Duration orphan_grace_;
  Monotonic orphan_since_;
  bool leaving_ = false;
  Warning warning_;
  os::Fd warn_until_;
  /// While the process has no descriptor left, connections wait in the backlog.
  Monotonic accept_again_;
};

}  // namespace relay::pty::keeper
