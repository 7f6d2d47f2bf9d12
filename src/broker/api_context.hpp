// Internal to broker/: what the rooms of the local API share.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "broker/api.hpp"
#include "broker/api_drivers.hpp"
#include "broker/local_threads.hpp"
#include "net/event.hpp"
#include "net/http_exchange.hpp"
#include "net/task_group.hpp"

namespace relay::broker {

struct ApiContext {
  ApiContext(asio::any_io_executor executor, Operations& operations_in,
             LocalApiSettings settings_in, const Clock& clock_in)
      : operations(operations_in),
        settings(std::move(settings_in)),
        clock(clock_in),
        drivers(operations_in),
        fed(executor),
        conversations(std::move(executor)) {}

  /// One viewer who is shown output.
  class Feeding {
   public:
    explicit Feeding(ApiContext& api) : api_(api) { ++api_.feeds; }
    ~Feeding() {
      --api_.feeds;
      api_.fed.notify();
    }
    Feeding(const Feeding&) = delete;
    Feeding& operator=(const Feeding&) = delete;

   private:
    ApiContext& api_;
  };

  Operations& operations;
  LocalApiSettings settings;
  const Clock& clock;
  /// Nothing in the start-up phase.
  std::optional<WorkspaceFacts> workspace;
  LocalThreads threads;
  Drivers drivers;
  std::size_t feeds = 0;
  /// One of them has ended.
  net::Event fed;
  net::TaskGroup conversations;
};

using ApiHandler = asio::awaitable<void> (*)(ApiContext*, net::Exchange*);

/// Bodies of more bytes are 413.
inline constexpr std::size_t kApiBodyMost = std::size_t{2} << 20U;

class ApiRoutes {
 public:
  explicit ApiRoutes(ApiContext* context) : context_(context) {}

  void add(std::string method, std::string pattern, ApiHandler handler);
  [[nodiscard]] std::vector<net::Route> take() { return std::move(routes_); }

 private:
  ApiContext* context_;
  std::vector<net::Route> routes_;
};

// One room per subject.
void add_health_routes(ApiRoutes& routes);
void add_session_routes(ApiRoutes& routes);
void add_status_routes(ApiRoutes& routes);
void add_metrics_routes(ApiRoutes& routes);
void add_prometheus_routes(ApiRoutes& routes);
void add_agent_routes(ApiRoutes& routes);
void add_terminal_routes(ApiRoutes& routes);
void add_delivery_routes(ApiRoutes& routes);
void add_dead_letter_routes(ApiRoutes& routes);
void add_message_routes(ApiRoutes& routes);
void add_reply_routes(ApiRoutes& routes);
void add_event_routes(ApiRoutes& routes);
void add_handler_routes(ApiRoutes& routes);
void add_input_stream_routes(ApiRoutes& routes);
void add_output_stream_routes(ApiRoutes& routes);

}  // namespace relay::broker
