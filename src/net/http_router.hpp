#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relay::net {

class Exchange;

/// Answers one request; the exchange outlives the coroutine.
using HttpHandler = std::function<asio::awaitable<void>(Exchange*)>;

/// The most bytes of body that a route takes unless it says otherwise.
inline constexpr std::size_t kHttpBodyMost = 64 * 1024;

class Route {
 public:
  /// `pattern`: "/v1/agents/{name}"; a parameter is a whole segment and never empty.
  Route(std::string method_in, std::string pattern_in, HttpHandler handler_in,
        std::size_t body_most_in = kHttpBodyMost)
      : method(std::move(method_in)),
        pattern(std::move(pattern_in)),
        handler(std::move(handler_in)),
        body_most(body_most_in) {}

  std::string method;
  std::string pattern;
  HttpHandler handler;
  std::size_t body_most;
};

using PathParameters = std::vector<std::pair<std::string, std::string>>;

/// Where a request goes.
class RouteMatch {
 public:
  /// Null when `status` is not 200.
  const Route* route = nullptr;
  /// Percent-decoded: "%2F" in a segment is a slash of the value.
  PathParameters parameters;
  /// 200, 404, 405, or 400 for a badly encoded parameter.
  int status = 404;
  /// With 405: "GET, HEAD, DELETE".
  std::string allow;
};

/// Finds the route of a request. Among the patterns that fit, the one with a literal in the first
/// segment where they differ wins. A GET route answers HEAD as well. Pure.
class HttpRouter {
 public:
  /// Two routes of the same method and shape, or a pattern without a leading slash, are a broken
  /// invariant: std::logic_error.
  explicit HttpRouter(std::vector<Route> routes);
  HttpRouter(HttpRouter&&) noexcept;
  ~HttpRouter();

  [[nodiscard]] RouteMatch find(std::string_view method, std::string_view path) const;

 private:
  struct Table;
  std::unique_ptr<Table> table_;
};

}  // namespace relay::net
