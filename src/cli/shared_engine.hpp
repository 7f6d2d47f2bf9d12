#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "engine/service/engine_home.hpp"
#include "engine/service/engine_host.hpp"
#include "engine/service/engine_seat.hpp"
#include "net/event.hpp"

namespace relay::cli {

/// Where the engine that this program runs listens and what it is made from.
class SharedEngineSettings {
 public:
  std::string address = "127.0.0.1";
  /// 0: where it was before, else a port of its choice.
  std::uint16_t port = 0;
  engine::DeliveryStore::Limits limits;
  std::string version;
};

/// The engine that the brokers of one user share; with --own-engine, those of one instance.
/// Exactly one process runs it, the one that has its database; the others watch, and when that
/// process has ended the first of them takes its place, at the same address as long as nobody else
/// sits there. On the loop thread.
class SharedEngine {
 public:
  struct Found {
    std::string url;
    Secret workspace_key;
    /// Empty when another process runs it.
    std::string workspace_id;
    /// This process runs it.
    bool here = false;
  };
  /// `note` gets warnings for people.
  SharedEngine(asio::any_io_executor executor, Random& random, engine::EngineHome home,
               SharedEngineSettings settings, std::function<void(std::string)> note);

  /// Runs it, or finds the one that another process runs.
  asio::awaitable<Result<Found>> open();
  /// Takes over when the other's process has ended. Returns when it is at another address than
  /// before, because its port is somebody else's now: who uses it has to begin again with what is
  /// found there, and to call this again. Otherwise when this process runs it, with nothing. After
  /// `open`.
  asio::awaitable<std::optional<Found>> keep();
  /// Looks at once, and finds nothing to tell in it: this process is known to end.
  void expect_end_of(pid_t runner);
  [[nodiscard]] bool runs_here() const { return host_.running(); }
  /// The process that says it runs it.
  [[nodiscard]] std::optional<pid_t> runner() const;
  /// Not to be cancelled: `shielded`.
  asio::awaitable<void> stop();

 private:
  asio::awaitable<engine::EngineSeat::Action> attempt(Duration after, std::uint16_t port);
  asio::awaitable<Result<engine::EngineFacts>> start(std::uint16_t port);
  [[nodiscard]] Found found_at(const engine::EngineSeat::There& there) const;

  Random& random_;
  engine::EngineHome home_;
  SharedEngineSettings settings_;
  asio::any_io_executor executor_;
  std::shared_ptr<std::function<void(std::string)>> note_;
  engine::EngineHost host_;
  engine::EngineSeat seat_;
  Secret key_;
  std::string workspace_id_;
  net::Event hurry_;
  std::optional<pid_t> expected_to_end_;
};

}  // namespace relay::cli
