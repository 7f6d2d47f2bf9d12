#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "engine/happenings.hpp"
#include "engine/store/sqlite/store_thread.hpp"
#include "net/http_guard.hpp"
#include "net/http_router.hpp"

namespace relay::engine {

/// What the routes work on; it outlives the server that has them. `random` is asked on the store's
/// thread and has to bear that (os::SystemRandom does).
class RestContext {
 public:
  RestContext(StoreThread& store_in, Random& random_in, std::function<void(Happenings)> tell_in)
      : store(store_in), random(random_in), tell(std::move(tell_in)) {}

  StoreThread& store;
  Random& random;
  /// Gets what a request has caused, on the loop, once it is durable and before it is answered.
  std::function<void(Happenings)> tell;
  /// Called when there is something new in the outbox.
  std::function<void()> wake_outbox;
  /// Of GET /health.
  std::string version;
  std::string build;
  /// Gets what a request could not be done for and a client is not told, for the log.
  std::function<void(std::string)> on_failure;
};

/// The REST side of the engine: everything under /v1 but the sockets, and /health. Each request is
/// one operation of the store, in which its token is looked up too; a calling agent is written down
/// as seen.
[[nodiscard]] std::vector<net::Route> rest_routes(const RestContext& context);

/// Answers what a browser asks before it calls from another page. For HttpServerOptions::guard.
[[nodiscard]] std::optional<net::HttpResponse> rest_preflight(const net::HttpRequest& request);

}  // namespace relay::engine
