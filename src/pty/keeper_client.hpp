#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/environment.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"
#include "pty/keeper/messages.hpp"

namespace relay::pty {

/// Which keeper a broker wants, and how to start it.
struct KeeperPlace {
  KeeperPlace(os::Path program_in, os::Path directory_in, os::Path socket_in,
              Duration orphan_grace_in)
      : program(std::move(program_in)),
        directory(std::move(directory_in)),
        socket(std::move(socket_in)),
        orphan_grace(orphan_grace_in) {}

  /// relay-broker itself; /proc/self/exe also after an upgrade has replaced the file.
  os::Path program;
  /// The runtime directory of the instance, absolute.
  os::Path directory;
  /// As `os::socket_path` gives it for "keeper.sock".
  os::Path socket;
  /// How long agents live without a broker.
  Duration orphan_grace;
};

/// A program to start in a terminal of its own.
struct SpawnOrder {
  SpawnOrder(std::string generation_in, std::string agent_in, std::vector<std::string> argv_in,
             os::Environment environment_in, os::Path cwd_in)
      : generation(std::move(generation_in)),
        agent(std::move(agent_in)),
        argv(std::move(argv_in)),
        environment(std::move(environment_in)),
        cwd(std::move(cwd_in)) {}

  /// A new one for each session (uuid).
  std::string generation;
  std::string agent;
  /// What to run, by its path or by the PATH of `environment`, if that is not argv[0].
  std::string program;
  std::vector<std::string> argv;
  os::Environment environment;
  /// Absolute.
  os::Path cwd;
  unsigned columns = 80;
  unsigned rows = 24;
};

/// A session that runs. Whoever holds `master` is its only reader.
struct SpawnedSession {
  SpawnedSession() = default;
  SpawnedSession(std::string generation_in, pid_t pid_in, os::Fd master_in)
      : generation(std::move(generation_in)), pid(pid_in), master(std::move(master_in)) {}
  std::string generation;
  pid_t pid = 0;
  os::Fd master;
};

/// A session of an earlier broker, perhaps one that has ended meanwhile.
struct HeldSession {
  HeldSession(keeper::SessionFacts facts_in, os::Fd master_in)
      : facts(std::move(facts_in)), master(std::move(master_in)) {}
  keeper::SessionFacts facts;
  os::Fd master;
};

/// The leader has ended, and the keeper has begun to end the rest of its tree.
struct SessionExited {
  std::string generation;
  os::ExitStatus status;
};
/// Nothing of the tree is left.
struct SessionGone {
  std::string generation;
};
/// The last event: the keeper has died (and its guardian ends all agents), or another broker has
/// taken over (code `already_running`).
struct KeeperLost {
  Error why;
};
/// Something for the log: the keeper cannot mend it at once.
struct KeeperWarning {
  std::string message;
  std::string hint;
};
using KeeperEvent = std::variant<SessionGone, SessionExited, KeeperWarning, KeeperLost>;

/// A broker's connection to its keeper. All on one loop thread. The owner ends with `close`;
/// agents live on in the keeper.
class KeeperClient {
 public:
  /// Finds the keeper of the place or starts it. Another broker that has it now loses it. `timeout`
  /// when that takes longer than `at_most`; otherwise the error of who could not start it.
  static asio::awaitable<Result<std::unique_ptr<KeeperClient>>> open(asio::any_io_executor executor,
                                                                     KeeperPlace place,
                                                                     Duration at_most);

  /// The same, under way: what is asked before the keeper is there waits for it.
  static std::unique_ptr<KeeperClient> begin(asio::any_io_executor executor, KeeperPlace place,
                                             Duration at_most);
  /// Waits until it is known what is held: a keeper that is being started holds nothing.
  asio::awaitable<Result<void>> looked();
  /// Waits until the keeper is there; the error of `open` when it will not be.
  asio::awaitable<Result<void>> opened();

  ~KeeperClient();
  KeeperClient(const KeeperClient&) = delete;
  KeeperClient& operator=(const KeeperClient&) = delete;

  /// 0 while it is being started.
  [[nodiscard]] pid_t keeper_pid() const;

  /// What the keeper held when we came; to be adopted or killed. Empty at the second call.
  [[nodiscard]] std::vector<HeldSession> take_held();

  /// Starts a program. Errors as in keeper/spawner.hpp, `connection_closed` when the keeper is
  /// lost, `timeout`: then a child that starts later is ended at once. Cancelling does the same.
  asio::awaitable<Result<SpawnedSession>> spawn(SpawnOrder order, Duration at_most);

  /// SIGTERM to the tree, SIGKILL after `grace`; returns when nothing is left. Good for sessions
  /// that have ended already or are not known. `at_most` counts from the end of the grace.
  asio::awaitable<Result<void>> kill_tree(std::string generation, Duration grace, Duration at_most);

  /// What the keeper holds now.
  asio::awaitable<Result<std::vector<keeper::SessionFacts>>> list(Duration at_most);

  /// The next thing that happened. `timeout` when nothing did; `connection_closed` behind the
  /// `KeeperLost`. They wait in a queue of `kMostEvents`; when it is full the connection is not
  /// read.
  asio::awaitable<Result<KeeperEvent>> next_event(Duration at_most);
  static constexpr std::size_t kMostEvents = 4096;

  /// The terminal has this size now (the caller has told the terminal itself).
  void note_size(const std::string& generation, unsigned columns, unsigned rows);
  /// The end of this session is recorded: the keeper need not tell it to the next broker.
  void forget(const std::string& generation);

  /// Ends all agents, then the keeper; returns when it is gone.
  asio::awaitable<Result<void>> shut_down_keeper(Duration grace, Duration at_most);

  /// Leaves the keeper and the agents alone. Must be awaited before destruction.
  asio::awaitable<void> close();

 private:
  struct Impl;
  explicit KeeperClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::pty
