#include "broker/api.hpp"

#include "broker/api_context.hpp"
#include "broker/api_guard.hpp"

namespace relay::broker {

void ApiRoutes::add(std::string method, std::string pattern, ApiHandler handler) {
  ApiContext* const context = context_;
  routes_.emplace_back(
      std::move(method), std::move(pattern),
      [context, handler](net::Exchange* exchange) { return handler(context, exchange); },
      kApiBodyMost);
}

struct LocalApi::Impl : ApiContext {
  using ApiContext::ApiContext;
};

LocalApi::LocalApi(asio::any_io_executor executor, Operations& operations,
                   LocalApiSettings settings, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(executor), operations, std::move(settings), clock)) {}

LocalApi::~LocalApi() = default;

std::vector<net::Route> LocalApi::routes() {
  ApiRoutes routes(impl_.get());
  add_health_routes(routes);
  add_session_routes(routes);
  add_status_routes(routes);
  add_metrics_routes(routes);
  add_prometheus_routes(routes);
  add_agent_routes(routes);
  add_terminal_routes(routes);
  add_delivery_routes(routes);
  add_dead_letter_routes(routes);
  add_message_routes(routes);
  add_reply_routes(routes);
  add_event_routes(routes);
  add_handler_routes(routes);
  add_input_stream_routes(routes);
  add_output_stream_routes(routes);
  return routes.take();
}

net::HttpGuard LocalApi::guard() const {
  return ApiGuard(impl_.get());
}

void LocalApi::engine_ready(WorkspaceFacts facts) {
  impl_->workspace = std::move(facts);
}

std::size_t LocalApi::streams() const {
  return impl_->conversations.size();
}

asio::awaitable<void> LocalApi::show_the_rest(Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (impl_->feeds != 0) {
    const Duration left = deadline - SystemClock().now();
    if (left <= Duration::zero()) co_return;
    (void)co_await impl_->fed.wait(left);
  }
}

asio::awaitable<void> LocalApi::stop() {
  impl_->conversations.cancel();
  co_await impl_->conversations.join();
}

}  // namespace relay::broker
