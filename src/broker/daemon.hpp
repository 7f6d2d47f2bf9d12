#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "broker/instance.hpp"
#include "broker/node_side.hpp"
#include "broker/parts.hpp"
#include "os/files.hpp"

namespace relay::broker {

/// How a broker is run: everything that the command line, the environment and defaults decide.
class DaemonSettings {
 public:
  DaemonSettings(Instance instance_in, BrokerSettings broker_in)
      : instance(std::move(instance_in)), broker(std::move(broker_in)) {}

  Instance instance;
  BrokerSettings broker;
  /// Nothing: agents of this machine only.
  std::optional<NodeSideSettings> node;
  std::vector<pty::Profile> profiles;
  /// The program of the keeper: ourselves.
  os::Path program = "/proc/self/exe";
  Duration orphan_grace = std::chrono::minutes(10);
  /// Take the place of a broker of this instance that runs; its agents stay.
  bool takeover = false;

  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 0;
  Secret api_key;
  /// Where connection.json goes, besides the instance's own place.
  std::optional<os::Path> connection_also;
  /// Without a renewal for this long the broker ends; nothing: it stays.
  std::optional<Duration> lease;
};

/// What a broker says of itself once it can be used.
struct DaemonFacts {
  std::string url;
  std::string socket;
  std::string engine;
  std::string workspace_id;
  std::string node_id;
  std::string node_name;
  bool connected = false;
  /// Why it is not connected, as far as that is known.
  std::string trouble;
};

/// A whole broker: journal, keeper, agents, node and local API, started and ended in the order that
/// loses nothing. On the loop thread.
///
///   Daemon daemon(executor, clock, random, files, settings, hooks);
///   const auto facts = co_await daemon.start();
///   if (facts) why = co_await daemon.wait();
///   co_await daemon.stop(…);               // always
class Daemon {
 public:
  class Hooks {
   public:
    Hooks() = default;
    /// What it is doing, for people who wait: "connecting to https://engine.example".
    std::function<void(std::string)> on_step;
    /// The broker with this pid has made room: what it was besides may be taken over. Awaited.
    std::function<asio::awaitable<void>(pid_t)> on_room;
    /// The API can be reached at this URL; the engine has not been talked to yet.
    std::function<void(const std::string&)> on_listening;
    /// For the log; free of secrets.
    std::function<void(node_control::NoteLevel, std::string)> on_note;
  };
  Daemon(asio::any_io_executor executor, Clock& clock, Random& random, os::Files& files,
         DaemonSettings settings, Hooks hooks);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// `already_running` with the holder's pid when the instance has a broker; otherwise what could
  /// not be had. A broker whose engine cannot be reached starts all the same. `cancelled` when it
  /// is asked to end meanwhile: it waits for no engine then.
  asio::awaitable<Result<DaemonFacts>> start();

  /// Until somebody asks for the end (no error), or it cannot go on.
  asio::awaitable<std::optional<Error>> wait();
  /// For agents that start from now on; those that run keep theirs. After `start`.
  void use_profiles(std::vector<pty::Profile> profiles);
  /// From a signal: ends `wait`.
  void ask_to_end();

  enum class Agents { end, leave };
  /// Ends the agents, or leaves them to the next broker, within about 10 s and their grace.
  asio::awaitable<void> stop(Agents agents);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::broker
