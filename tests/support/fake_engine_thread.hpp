#pragma once

#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "support/fake_engine.hpp"

namespace relay::test {

/// A FakeEngine on a loop and a thread of its own, for a product that runs in another process or
/// blocks the test's thread. Every call here may come from any thread and blocks until it is done.
class FakeEngineThread {
 public:
  FakeEngineThread();
  ~FakeEngineThread();
  FakeEngineThread(const FakeEngineThread&) = delete;
  FakeEngineThread& operator=(const FakeEngineThread&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return url_; }

  /// Runs `work(engine)` on the engine's thread and returns what it returns, by value. For the
  /// scripts: `engine.call([](FakeEngine& e) { e.down(); });`
  template <class Work>
  auto call(Work work) {
    std::packaged_task<decltype(work(engine_))()> task([&] { return work(engine_); });
    auto done = task.get_future();
    asio::post(io_, [&task] { task(); });
    return done.get();
  }

  /// As those of FakeEngine; they throw NotSeen.
  Record next_request(std::string pattern, Duration at_most = kSoon);
  Record next_frame(std::string type, Duration at_most = kSoon);
  Record next_sent(std::string type, Duration at_most = kSoon);
  Record next_note(std::string what, Duration at_most = kSoon);
  void settle(std::string node = {});

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> busy_{io_.get_executor()};
  FakeEngine engine_{io_};
  const std::uint16_t port_ = engine_.port();
  const std::string url_ = engine_.url();
  std::thread thread_;
};

}  // namespace relay::test
