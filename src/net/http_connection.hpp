#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/event.hpp"
#include "net/http_encoding.hpp"
#include "net/http_request_parser.hpp"
#include "net/http_server.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"

// Internal to net/: one connection of an HttpServer.
namespace relay::net {

/// What the connections of one server share.
struct HttpConnectionHost {
  HttpConnectionHost(asio::any_io_executor executor_in, HttpServerOptions options_in,
                     std::vector<Route> routes)
      : executor(executor_in),
        options(std::move(options_in)),
        router(std::move(routes)),
        group(executor_in),
        changed(executor_in) {}

  /// The value of a Date field for now.
  std::string_view date();
  void failed(std::string what) const {
    if (options.on_failure) options.on_failure(std::move(what));
  }

  asio::any_io_executor executor;
  HttpServerOptions options;
  HttpRouter router;
  TaskGroup group;
  std::list<HttpConnection*> connections;
  /// Notified when a connection comes or ends.
  Event changed;
  bool stopping = false;
  HttpServerCounts counts;

 private:
  std::string date_;
  std::int64_t date_second_ = 0;
};

/// Shared by its main coroutine, the watcher of a long answer and the sender of a 408, whichever
/// ends last.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  enum class Phase {
    /// No byte of a request has come.
    idle,
    head,
    body,
    /// A handler is at work; it has no deadline.
    answering,
    writing,
    /// An answer that closes is out; what still comes is thrown away.
    lingering,
    ended,
  };

  HttpConnection(HttpConnectionHost* host, StreamPtr stream);
  ~HttpConnection();

  /// The whole life of a connection.
  asio::awaitable<void> run();
  /// Answers 503 and closes.
  asio::awaitable<void> turn_away();

  /// Called by the server's clock when `deadline` is over.
  void expire();
  /// Closes the socket and leaves the server's list.
  void cut();
  /// The server stops: an idle connection ends at once, another one after its request.
  void stop();

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Monotonic deadline() const { return deadline_; }
  [[nodiscard]] Monotonic waiting_since() const { return waiting_since_; }
  [[nodiscard]] bool can_be_displaced() const {
    return phase_ == Phase::idle || phase_ == Phase::head || phase_ == Phase::lingering;
  }

 private:
  friend class Exchange;

  void enter(Phase phase);
  void leave_server();
  asio::awaitable<bool> fill();
  asio::awaitable<bool> flush();
  asio::awaitable<bool> refill();
  asio::awaitable<bool> take();
  asio::awaitable<bool> answer();
  asio::awaitable<void> linger();
  asio::awaitable<void> send_late();
  asio::awaitable<void> watch();
  void start_watch();
  void on_head();
  void queue_continue();
  void make_room();
  void refuse(const HttpResponse& response);
  void queue(const HttpResponse& response);
  [[nodiscard]] HttpResponse route_error() const;
  [[nodiscard]] bool finish(Exchange& exchange);
  [[nodiscard]] HeadOptions head_options();
  asio::awaitable<Result<void>> start_stream(HttpResponse head);
  asio::awaitable<Result<void>> send_part(std::string part);
  asio::awaitable<Result<void>> send_queued();
  asio::awaitable<Result<Handover>> hand_over(HttpResponse head);
  asio::awaitable<bool> ended(Duration at_most);

  HttpConnectionHost* host_;
  StreamPtr stream_;
  HttpRequestParser parser_;
  std::list<HttpConnection*>::iterator listed_;
  bool is_listed_ = false;

  Phase phase_ = Phase::idle;
  Monotonic deadline_;
  Monotonic waiting_since_;

  /// Bytes read and not yet parsed: input_[from_, to_).
  std::string input_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
  /// The last read filled the input: the next one may take more.
  bool wants_large_ = false;
  std::string output_;
  /// The size of the body at which its deadline moves on.
  std::size_t next_slice_ = 0;

  RouteMatch match_;
  /// An answer that is known before the body: then no handler runs.
  std::optional<HttpResponse> verdict_;
  bool head_only_ = false;
  bool chunked_ = false;
  /// Every answer from now on says `Connection: close`.
  bool closing_ = false;
  bool first_ = true;
  bool continued_ = false;
  /// A 408 is on its way from another coroutine.
  bool late_ = false;
  bool watching_ = false;
  bool peer_gone_ = false;
  /// Notified when the watcher has read something or the connection should end.
  std::optional<Event> changed_;
};

}  // namespace relay::net
