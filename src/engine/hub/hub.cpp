#include "engine/hub/hub.hpp"

#include <utility>

#include "net/http_exchange.hpp"
#include "net/http_guard.hpp"
#include "net/task_group.hpp"

namespace relay::engine {

struct Hub::Impl {
  Impl(asio::any_io_executor executor, HubSettings settings_in)
      : settings(std::move(settings_in)), tasks(std::move(executor)) {}

  HubSettings settings;
  net::TaskGroup tasks;
  HubCounts counts;
};

namespace {

asio::awaitable<void> refuse_socket(net::Exchange* exchange) {
  exchange->respond(net::error_response(503, "unavailable", "the engine takes no sockets yet"));
  co_return;
}

}  // namespace

Hub::Hub(asio::any_io_executor executor, const Clock& /*clock*/, Random& /*random*/,
         StoreThread& /*store*/, HubSettings settings)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(settings))) {}

Hub::~Hub() = default;

std::vector<net::Route> Hub::routes() {
  std::vector<net::Route> routes;
  routes.emplace_back("GET", "/v1/node/ws", refuse_socket);
  routes.emplace_back("GET", "/v1/ws", refuse_socket);
  return routes;
}

void Hub::start() {}

void Hub::tell(Happenings /*happenings*/) {}

asio::awaitable<void> Hub::stop(Duration /*grace*/) {
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
}

HubCounts Hub::counts() const {
  return impl_->counts;
}

}  // namespace relay::engine
