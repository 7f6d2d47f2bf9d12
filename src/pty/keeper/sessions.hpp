#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "pty/keeper/ending.hpp"
#include "pty/keeper/family.hpp"
#include "pty/keeper/messages.hpp"

namespace relay::pty::keeper {

/// What a keeper keeps of one session, until the broker has recorded its end.
struct Session {
  SessionFacts facts;
  /// A duplicate of what the broker has, so that the terminal outlives the broker. Never read.
  os::Fd master;
  std::uint64_t leader_started = 0;
  std::optional<Ending> ending;
  /// When a leader that ignores SIGTERM gets its next SIGHUP.
  Monotonic hang_up_again;
  /// The broker need not hear of its end again; it is dropped when its tree is gone.
  bool recorded = false;
};

/// All sessions of a keeper.
class Sessions {
 public:
  /// Two file descriptors for each on the way through a hand-over, and the terminals of a system
  /// (4,096 by default) bound it before memory does.
  static constexpr std::size_t kMost = 16384;

  [[nodiscard]] Session* named(const std::string& generation);
  /// The session whose leader has this pid and has not been waited for.
  [[nodiscard]] Session* led_by(pid_t pid);
  [[nodiscard]] Session* numbered(SessionNumber number);
  /// The number of a session; for the marks in an environment.
  [[nodiscard]] std::optional<SessionNumber> number_of(const std::string& generation) const;

  Session& add(SessionNumber number, Session session);
  void remove(const std::string& generation);

  /// Those whose tree may still have members.
  [[nodiscard]] std::vector<Root> roots() const;
  [[nodiscard]] std::map<SessionNumber, Session>& all() { return all_; }
  [[nodiscard]] const std::map<SessionNumber, Session>& all() const { return all_; }
  [[nodiscard]] bool all_gone() const;
  [[nodiscard]] bool any_ending() const;
  [[nodiscard]] bool holds_any() const { return !all_.empty(); }

 private:
  std::map<SessionNumber, Session> all_;
  std::map<std::string, SessionNumber> by_generation_;
};

}  // namespace relay::pty::keeper
