#include "engine/service/engine_host.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "net/event.hpp"
#include "net/task_group.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"

namespace relay::engine {
namespace {

/// Nobody waits this long; a wait has to have an end.
constexpr Duration kEngineWait = std::chrono::hours(24);

}  // namespace

/// The engine's side. What both threads touch is handed over by `post` only.
class EngineHost::Thread {
 public:
  Thread(asio::any_io_executor owner, EngineSettings settings)
      : owner_(std::move(owner)),
        settings_(std::move(settings)),
        news_(std::make_shared<News>(owner_)),
        io_(1),
        end_(io_.get_executor()),
        thread_([this] { run(); }) {}

  ~Thread() {
    ask_to_end();
    thread_.join();
  }

  asio::awaitable<Result<EngineFacts>> started() {
    const auto news = news_;
    bool in_time = true;
    while (!news->started && in_time) {
      in_time = co_await news->event.wait(EngineHost::kStartsWithin);
    }
    if (!news->started) co_return fail(Code::timeout, "the engine did not start in time");
    co_return *news->started;
  }
  asio::awaitable<void> ended() {
    const auto news = news_;
    bool in_time = true;
    while (!news->ended && in_time) {
      in_time = co_await news->event.wait(EngineHost::kStopsWithin);
    }
  }
  void ask_to_end() {
    asio::post(io_, [this] {
      asked_to_end_ = true;
      end_.notify();
    });
  }

 private:
  /// Of the owner's loop; outlives whoever goes first.
  struct News {
    explicit News(const asio::any_io_executor& owner) : event(owner) {}
    net::Event event;
    std::optional<Result<EngineFacts>> started;
    bool ended = false;
  };

  void run() {
    asio::co_spawn(io_, live(), [](std::exception_ptr broken) {
      if (broken) std::rethrow_exception(broken);
    });
    io_.run();
    asio::post(owner_, [news = news_] {
      news->ended = true;
      news->event.notify();
    });
  }

  asio::awaitable<void> live() {
    EngineServer server(io_.get_executor(), clock_, random_, files_, std::move(settings_));
    auto facts = co_await server.start();
    const bool fine = facts.has_value();
    asio::post(owner_, [news = news_, facts = std::move(facts)]() mutable {
      news->started.emplace(std::move(facts));
      news->event.notify();
    });
    while (fine && !asked_to_end_) {
      (void)co_await end_.wait(kEngineWait);
    }
    co_await server.stop();
  }

  asio::any_io_executor owner_;
  EngineSettings settings_;
  std::shared_ptr<News> news_;
  SystemClock clock_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  asio::io_context io_;
  net::Event end_;
  bool asked_to_end_ = false;
  std::thread thread_;
};

EngineHost::EngineHost(asio::any_io_executor owner) : owner_(std::move(owner)) {}

EngineHost::~EngineHost() = default;

asio::awaitable<Result<EngineFacts>> EngineHost::start(EngineSettings settings) {
  thread_ = std::make_unique<Thread>(owner_, std::move(settings));
  auto facts = co_await thread_->started();
  if (!facts) {
    // Not `stop`: that would shield whoever tries again and again from its own cancellation.
    co_await thread_->ended();
    thread_.reset();
  }
  co_return facts;
}

asio::awaitable<void> EngineHost::stop() {
  if (!thread_) co_return;
  co_await net::shielded();
  thread_->ask_to_end();
  co_await thread_->ended();
  thread_.reset();
}

}  // namespace relay::engine
