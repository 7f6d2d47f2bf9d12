// Serves GET / ("hello") and POST /echo on a free port of 127.0.0.1, prints the port, and runs
// until it is killed. For load generators of other processes.
#include <asio/io_context.hpp>
#include <cstdio>
#include <utility>

#include "net/http_server.hpp"

namespace {

using namespace relay;

asio::awaitable<void> hello(net::Exchange* exchange) {
  exchange->respond(net::HttpResponse(200, "text/plain", "hello"));
  co_return;
}

asio::awaitable<void> echo(net::Exchange* exchange) {
  net::HttpResponse response(200, "application/octet-stream", std::move(exchange->request().body));
  exchange->respond(std::move(response));
  co_return;
}

}  // namespace

int main() {
  asio::io_context io(1);
  auto listener = net::Listener::tcp(io.get_executor(), "127.0.0.1", 0);
  if (!listener) {
    std::fprintf(stderr, "error: %s\n", listener.error().message.c_str());
    return 1;
  }
  std::printf("%d\n", listener->port());
  std::fflush(stdout);
  net::HttpServerOptions options;
  options.connections_most = 20000;
  options.idle_time = std::chrono::hours(1);
  std::vector<net::Route> routes;
  routes.emplace_back("GET", "/", hello);
  routes.emplace_back("POST", "/echo", echo, std::size_t{16} << 20);
  net::HttpServer server(io.get_executor(), std::move(options), std::move(routes));
  server.serve(std::move(*listener));
  io.run();
}
