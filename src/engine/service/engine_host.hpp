#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>

#include "engine/service/engine_server.hpp"

namespace relay::engine {

/// An engine on a thread and a loop of its own, so that a busy broker does not slow it down, nor it
/// the broker: they meet on the wire only. Made, called and destroyed on the owner's loop thread.
class EngineHost {
 public:
  /// Opening a large database that was not closed in order reads it as a whole.
  static constexpr Duration kStartsWithin = std::chrono::minutes(5);
  static constexpr Duration kStopsWithin = std::chrono::seconds(30);

  explicit EngineHost(asio::any_io_executor owner);
  /// Ends the engine if it still runs, and waits for that.
  ~EngineHost();
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;

  /// As `EngineServer::start`. After a failure it may be tried again.
  asio::awaitable<Result<EngineFacts>> start(EngineSettings settings);
  [[nodiscard]] bool running() const { return thread_ != nullptr; }
  /// Harmless when nothing runs. Not to be cancelled: `shielded`.
  asio::awaitable<void> stop();

 private:
  class Thread;
  asio::any_io_executor owner_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace relay::engine
