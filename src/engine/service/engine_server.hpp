#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "engine/store/deliveries.hpp"
#include "os/files.hpp"

namespace relay::engine {

/// How an engine is run.
class EngineSettings {
 public:
  os::Path database;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  /// A workspace that is to be there, by its key; nothing: those that clients make.
  std::optional<Secret> workspace_key;
  std::string workspace_name = "default";
  DeliveryStore::Limits limits;
  std::string version;
  /// Gets what went wrong inside, for the log; on the engine's thread.
  std::function<void(std::string)> on_failure;
};

/// What is known of an engine that serves.
struct EngineFacts {
  std::string url;
  std::uint16_t port = 0;
  /// Of the workspace that was asked for; else empty.
  std::string workspace_id;
};

/// A whole engine on one loop: database, routes, sockets, sweeps. One that listens on the loopback
/// answers requests that name the loopback only, so that no page of a browser reaches it through a
/// name of its own.
///
///   const auto facts = co_await server.start();
///   …
///   co_await server.stop();   // always, shielded
class EngineServer {
 public:
  /// `random` is asked on the store's thread too and has to bear that.
  EngineServer(asio::any_io_executor executor, Clock& clock, Random& random, os::Files& files,
               EngineSettings settings);
  ~EngineServer();

  /// `already_running` when another process has the database, `conflict` when the port is taken;
  /// otherwise what could not be had. May block the loop while the database is opened: nothing else
  /// runs there yet.
  asio::awaitable<Result<EngineFacts>> start();
  /// Connections are closed in order, what was answered is durable. Within about 5 s.
  asio::awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::engine
