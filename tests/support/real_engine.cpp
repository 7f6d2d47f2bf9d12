#include "support/real_engine.hpp"

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "engine/hub/hub.hpp"
#include "engine/rest/outbox_sender.hpp"
#include "engine/rest/routes.hpp"
#include "net/http_server.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/temp_dir.hpp"

namespace relay::test {
namespace {

std::unique_ptr<engine::SqliteDatabase> opened(const os::Path& path, os::Files& files,
                                               const Clock& clock,
                                               engine::DeliveryStore::Limits limits) {
  auto database = engine::SqliteDatabase::open(path, files, clock, limits);
  if (!database) throw std::runtime_error(database.error().message);
  return *std::move(database);
}

std::vector<net::Route> all_routes(const engine::RestContext& rest, engine::Hub& hub) {
  auto routes = engine::rest_routes(rest);
  for (auto& route : hub.routes()) routes.push_back(std::move(route));
  return routes;
}

net::HttpServerOptions server_options() {
  net::HttpServerOptions options;
  options.guard = engine::rest_preflight;
  return options;
}

}  // namespace

struct RealEngine::Parts {
  explicit Parts(engine::DeliveryStore::Limits limits)
      : database(opened(dir / "state" / "engine.db", files, clock, limits)),
        store(io.get_executor(), *database),
        hub(io.get_executor(), clock, random, store, engine::HubSettings()),
        outbox(io.get_executor(), store, random),
        rest(store, random, [this](engine::Happenings happenings) { tell(std::move(happenings)); }),
        server(io.get_executor(), server_options(), all_routes(rest, hub)) {
    rest.wake_outbox = [this] { outbox.wake(); };
    rest.version = "test";
    rest.on_failure = [this](const std::string& text) {
      if (!hasty) throw std::runtime_error(text);
    };
    auto listener = net::Listener::tcp(io.get_executor(), "127.0.0.1", 0);
    if (!listener) throw std::runtime_error(listener.error().message);
    port = listener->port();
    server.serve(*std::move(listener));
    hub.start();
    outbox.start();
    thread = std::thread([this] { io.run(); });
  }

  void tell(engine::Happenings happenings) {
    {
      const std::lock_guard lock(mutex);
      for (const auto& news : happenings.stream) {
        types.push_back(std::visit([](const auto& each) { return each.type; }, news.event));
      }
    }
    hub.tell(std::move(happenings));
  }

  asio::awaitable<void> end() {
    co_await server.stop(std::chrono::seconds(5));
    co_await outbox.stop();
    co_await hub.stop(std::chrono::seconds(5));
    co_await store.close();
  }

  TempDir dir;
  SystemClock clock;
  os::SystemRandom random;
  os::PosixFiles files{random};
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> busy{io.get_executor()};
  std::unique_ptr<engine::SqliteDatabase> database;
  engine::StoreThread store;
  engine::Hub hub;
  engine::OutboxSender outbox;
  engine::RestContext rest;
  net::HttpServer server;
  std::uint16_t port = 0;
  /// On the loop only.
  bool hasty = false;
  std::mutex mutex;
  std::vector<std::string> types;
  std::thread thread;
};

RealEngine::RealEngine(engine::DeliveryStore::Limits limits)
    : parts_(std::make_unique<Parts>(limits)) {}

RealEngine::~RealEngine() {
  asio::co_spawn(parts_->io, parts_->end(), asio::use_future).get();
  parts_->busy.reset();
  parts_->thread.join();
}

std::uint16_t RealEngine::port() const {
  return parts_->port;
}

Reply RealEngine::ask(const std::string& method, const std::string& target,
                      const std::string& token, const std::string& body,
                      const std::vector<std::string>& header_lines) {
  std::vector<std::string> lines{"Host: engine.test"};
  if (!token.empty()) lines.push_back("Authorization: Bearer " + token);
  lines.insert(lines.end(), header_lines.begin(), header_lines.end());
  return http_ask(port(), method, target, lines, body);
}

void RealEngine::wait_for_disk(Duration most) {
  asio::post(parts_->io, [parts = parts_.get(), most] {
    parts->hasty = true;
    parts->store.answer_within(most);
  });
}

std::vector<std::string> RealEngine::heard() {
  const std::lock_guard lock(parts_->mutex);
  return std::exchange(parts_->types, {});
}

}  // namespace relay::test
