#include "engine/service/engine_server.hpp"

#include <fmt/format.h>
#include <utility>
#include <vector>

#include "engine/digest.hpp"
#include "engine/hub/hub.hpp"
#include "engine/refusal.hpp"
#include "engine/rest/outbox_sender.hpp"
#include "engine/rest/routes.hpp"
#include "engine/store/sqlite/store_thread.hpp"
#include "net/http_guard.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "net/task_group.hpp"
#include "net/url.hpp"

namespace relay::engine {
namespace {

constexpr std::size_t kMostConnections = 4096;
constexpr Duration kRequestsGrace = std::chrono::seconds(1);
constexpr Duration kSocketsGrace = std::chrono::seconds(2);

bool is_loopback(std::string_view address) {
  return address == "127.0.0.1" || address == "::1";
}

std::string url_of(const std::string& address, std::uint16_t port) {
  const bool six = address.find(':') != std::string::npos;
  return six ? fmt::format("http://[{}]:{}", address, port)
             : fmt::format("http://{}:{}", address, port);
}

/// For an engine that only this machine is to reach: a page of another site that a browser of this
/// machine shows can neither give it a name of its own nor ask it.
std::optional<net::HttpResponse> refuse_strangers(const net::HttpRequest& request,
                                                  std::uint16_t port) {
  const auto host = request.headers.get("host");
  bool ours = host && net::is_loopback_host(*host, port);
  if (const auto origin = request.headers.get("origin"); ours && origin) {
    const auto page = net::Url::parse(*origin);
    ours = page && (page->host == "localhost" || is_loopback(page->host));
  }
  if (ours) return std::nullopt;
  return net::error_response(403, "forbidden", "this engine is of this machine only");
}

net::HttpGuard guard_of(bool loopback, std::uint16_t port) {
  return [loopback, port](const net::HttpRequest& request) {
    auto refused = loopback ? refuse_strangers(request, port) : std::nullopt;
    return refused ? std::move(refused) : rest_preflight(request);
  };
}

}  // namespace

struct EngineServer::Impl {
  Impl(asio::any_io_executor executor_in, Clock& clock_in, Random& random_in, os::Files& files_in,
       EngineSettings settings_in)
      : executor(std::move(executor_in)),
        clock(clock_in),
        random(random_in),
        files(files_in),
        settings(std::move(settings_in)) {}

  asio::awaitable<Result<std::string>> workspace();
  void serve(net::Listener listener);

  asio::any_io_executor executor;
  Clock& clock;
  Random& random;
  os::Files& files;
  EngineSettings settings;
  std::unique_ptr<SqliteDatabase> database;
  std::unique_ptr<StoreThread> store;
  std::unique_ptr<Hub> hub;
  std::unique_ptr<OutboxSender> outbox;
  std::optional<RestContext> rest;
  std::unique_ptr<net::HttpServer> server;
};

EngineServer::EngineServer(asio::any_io_executor executor, Clock& clock, Random& random,
                           os::Files& files, EngineSettings settings)
    : impl_(
          std::make_unique<Impl>(std::move(executor), clock, random, files, std::move(settings))) {}

EngineServer::~EngineServer() = default;

asio::awaitable<Result<EngineFacts>> EngineServer::start() {
  Impl& impl = *impl_;
  auto database =
      SqliteDatabase::open(impl.settings.database, impl.files, impl.clock, impl.settings.limits);
  if (!database) co_return fail(std::move(database).error());
  impl.database = *std::move(database);
  impl.store = std::make_unique<StoreThread>(impl.executor, *impl.database);
  EngineFacts facts;
  if (impl.settings.workspace_key) {
    auto workspace = co_await impl.workspace();
    if (!workspace) co_return fail(std::move(workspace).error());
    facts.workspace_id = *std::move(workspace);
  }
  auto listener = net::Listener::tcp(impl.executor, impl.settings.address, impl.settings.port);
  if (!listener) {
    Error error = std::move(listener).error();
    // Not to be taken for another engine on this database.
    if (error.code == Code::already_running) error.code = Code::conflict;
    co_return fail(std::move(error));
  }
  facts.port = listener->port();
  facts.url = url_of(impl.settings.address, facts.port);
  impl.serve(*std::move(listener));
  co_return facts;
}

asio::awaitable<void> EngineServer::stop() {
  Impl& impl = *impl_;
  co_await net::shielded();
  if (impl.server) co_await impl.server->stop(kRequestsGrace);
  if (impl.outbox) co_await impl.outbox->stop();
  if (impl.hub) co_await impl.hub->stop(kSocketsGrace);
  if (impl.store) co_await impl.store->close();
  impl.server.reset();
  impl.rest.reset();
  impl.outbox.reset();
  impl.hub.reset();
  impl.store.reset();
  impl.database.reset();
}

/// The one that is to be there, made the first time.
asio::awaitable<Result<std::string>> EngineServer::Impl::workspace() {
  std::function<Result<std::string>(Store&)> work =
      [hash = sha256_hex(settings.workspace_key->reveal()),
       name = settings.workspace_name](Store& at) -> Result<std::string> {
    auto found = at.workspace_of_key(hash);
    if (!found && refusal_of(found.error()) == Refusal::unauthorized) {
      found = at.create_workspace(name, hash);
    }
    if (!found) return fail(std::move(found).error());
    return std::to_string(found->id);
  };
  return store->write<std::string>(std::move(work));
}

void EngineServer::Impl::serve(net::Listener listener) {
  HubSettings hub_settings;
  hub_settings.on_failure = settings.on_failure;
  hub_settings.wake_outbox = [this] { outbox->wake(); };
  hub = std::make_unique<Hub>(executor, clock, random, *store, std::move(hub_settings));
  net::HttpServerOptions options;
  options.connections_most = kMostConnections;
  options.on_failure = settings.on_failure;
  options.guard = guard_of(is_loopback(settings.address), listener.port());
  rest.emplace(*store, random, [this](Happenings happenings) { hub->tell(std::move(happenings)); });
  outbox = std::make_unique<OutboxSender>(executor, *store, random);
  rest->wake_outbox = [this] { outbox->wake(); };
  rest->version = settings.version;
  rest->on_failure = settings.on_failure;
  std::vector<net::Route> routes = rest_routes(*rest);
  for (net::Route& route : hub->routes()) routes.push_back(std::move(route));
  server = std::make_unique<net::HttpServer>(executor, std::move(options), std::move(routes));
  hub->start();
  outbox->start();
  server->serve(std::move(listener));
}

}  // namespace relay::engine
