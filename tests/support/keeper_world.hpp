#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "pty/keeper_client.hpp"
#include "support/loop.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::test {

/// The pids whose command line holds the token (argv[0] of a hostile program, or the directory of a
/// keeper), the dead ones not counted.
[[nodiscard]] std::vector<pid_t> alive_with(const std::string& token);
/// Waits until there is none, in two looks; what was left at the end.
[[nodiscard]] std::vector<pid_t> wait_none(const std::string& token, Duration at_most = kPatience);

/// A keeper of a test, and the test as its broker. Keeper and agents are gone at the end.
class KeeperWorld {
 public:
  KeeperWorld();
  ~KeeperWorld();
  KeeperWorld(const KeeperWorld&) = delete;
  KeeperWorld& operator=(const KeeperWorld&) = delete;

  [[nodiscard]] pty::KeeperPlace place() const;
  /// Connects, and starts a keeper if there is none.
  void open();
  /// Kills the keeper and its guardian, so that neither sees the other's end.
  void kill_both();
  /// Goes away as a broker does that is killed.
  void leave();
  [[nodiscard]] pty::KeeperClient& client() { return *client_; }
  [[nodiscard]] asio::io_context& io() { return io_; }

  template <class T>
  T run(asio::awaitable<T> work) {
    return test::run(io_, std::move(work), std::chrono::seconds(60));
  }

  /// A hostile program with a token of its own (`token_of`) that does these things.
  [[nodiscard]] pty::SpawnOrder hostile(const std::string& generation,
                                        const std::vector<std::string>& ways) const;
  [[nodiscard]] pty::SpawnOrder shell(const std::string& generation,
                                      const std::string& script) const;
  [[nodiscard]] std::string token_of(const std::string& generation) const;
  /// What all tokens of this world begin with.
  [[nodiscard]] const std::string& token() const { return token_; }

  /// Starts it; fails the test by an exception if it does not.
  pty::SpawnedSession spawn(pty::SpawnOrder order);
  /// Reads a master until this text has come, or the terminal has closed; all that was read.
  static std::string read_until(int master, std::string_view text);
  /// The next event of this kind for the generation; others are dropped.
  os::ExitStatus wait_exited(const std::string& generation);
  void wait_gone(const std::string& generation);
  pty::KeeperWarning wait_warning();
  /// Whether the keeper, which has just been opened, warns.
  bool is_warned();
  /// The next `KeeperLost`.
  Error wait_lost();

  TempDir temp;
  Duration orphan_grace = std::chrono::minutes(10);

 private:
  pty::KeeperEvent next();

  asio::io_context io_;
  std::string token_;
  std::unique_ptr<pty::KeeperClient> client_;
};

}  // namespace relay::test
