#include "engine/hub/hub.hpp"

#include <algorithm>
#include <utility>

#include "engine/hub/announcer.hpp"
#include "engine/hub/courier.hpp"
#include "engine/hub/hub_parts.hpp"
#include "engine/hub/node_sockets.hpp"
#include "engine/hub/sweep_operations.hpp"
#include "engine/hub/watchers.hpp"
#include "net/timeout.hpp"

namespace relay::engine {
namespace {

constexpr Duration kLongestWait = std::chrono::hours(1);

OutcomeWork sweeping(Sweep what) {
  return with_subscribers([what](Store& store) { return sweep(store, what); });
}

}  // namespace

struct Hub::Impl {
  Impl(asio::any_io_executor executor_in, const Clock& clock, Random& random, StoreThread& store,
       HubSettings settings)
      : executor(executor_in),
        parts(executor_in, clock, random, store, std::move(settings)),
        watchers(&parts),
        announcer(executor_in, &parts, &watchers),
        courier(executor_in, &parts, [this](Outcome each) { announcer.apply(std::move(each)); }),
        nodes(&parts, &courier, &announcer),
        sweeps(clock.now()),
        clock_moved(executor_in) {}

  asio::awaitable<void> look_after();
  asio::awaitable<void> abort_all(Duration after);

  asio::any_io_executor executor;
  HubParts parts;
  Watchers watchers;
  Announcer announcer;
  Courier courier;
  NodeSockets nodes;
  Sweeps sweeps;
  net::Event clock_moved;
};

/// What has to be done by time.
asio::awaitable<void> Hub::Impl::look_after() {
  for (;;) {
    for (const Sweep what : sweeps.due(parts.clock.now())) {
      std::function<void(Outcome&)> late = [this](Outcome& swept) {
        announcer.apply(std::move(swept));
      };
      auto write = parts.store.write<Outcome>(sweeping(what), std::move(late));
      auto swept = co_await std::move(write);
      if (!swept) {
        parts.note("a sweep has failed", swept.error());
        continue;
      }
      if (swept->again) sweeps.again(what, parts.clock.now());
      announcer.apply(*std::move(swept));
    }
    const auto wait =
        std::clamp<Duration>(sweeps.next() - parts.clock.now(), Duration(0), kLongestWait);
    co_await clock_moved.wait(wait);
  }
}

/// Connections that do not end in order.
asio::awaitable<void> Hub::Impl::abort_all(Duration after) {
  co_await net::pause(after);
  nodes.abort_all();
  watchers.abort_all();
}

Hub::Hub(asio::any_io_executor executor, const Clock& clock, Random& random, StoreThread& store,
         HubSettings settings)
    : impl_(
          std::make_unique<Impl>(std::move(executor), clock, random, store, std::move(settings))) {}

Hub::~Hub() = default;

std::vector<net::Route> Hub::routes() {
  std::vector<net::Route> routes;
  Impl* impl = impl_.get();
  routes.emplace_back("GET", "/v1/node/ws",
                      [impl](net::Exchange* exchange) { return impl->nodes.answer(exchange); });
  routes.emplace_back("GET", "/v1/ws",
                      [impl](net::Exchange* exchange) { return impl->watchers.answer(exchange); });
  return routes;
}

void Hub::start() {
  impl_->parts.tasks.spawn(impl_->courier.deliver());
  impl_->parts.tasks.spawn(impl_->courier.keep_book());
  impl_->parts.tasks.spawn(impl_->announcer.follow_agents());
  impl_->parts.tasks.spawn(impl_->look_after());
}

void Hub::tell(Happenings happenings) {
  impl_->announcer.tell(std::move(happenings));
}

void Hub::look_at_clock() {
  impl_->clock_moved.notify();
  impl_->parts.mail.notify();
}

asio::awaitable<void> Hub::stop(Duration grace) {
  impl_->parts.stopping = true;
  net::TaskGroup watchdog(impl_->executor);
  watchdog.spawn(impl_->abort_all(grace));
  impl_->parts.tasks.cancel();
  co_await impl_->parts.tasks.join();
  watchdog.cancel();
  co_await watchdog.join();
  co_await impl_->courier.close_book();
}

HubCounts Hub::counts() const {
  auto counts = impl_->parts.counts;
  counts.nodes = impl_->parts.links.all().size();
  return counts;
}

}  // namespace relay::engine
