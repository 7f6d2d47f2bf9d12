#include "net/http_connection.hpp"

#include <algorithm>
#include <array>
#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>
#include <ctime>
#include <exception>
#include <span>
#include <stdexcept>

namespace relay::net {
namespace {

/// What a connection holds to read into; one that sends a large body gets the larger one until it
/// is idle again.
constexpr std::size_t kInputSmall = 4 * 1024;
constexpr std::size_t kInputLarge = 64 * 1024;
/// Answers of pipelined requests are gathered up to this size, then sent.
constexpr std::size_t kOutputGathered = 64 * 1024;
/// An output buffer up to this size is kept for the next answer.
constexpr std::size_t kOutputKept = 4 * 1024;
/// What is sent or received within one `slice_time`.
constexpr std::size_t kSlice = 64 * 1024;
/// How much of a refused request is read and thrown away.
constexpr std::size_t kLingerMost = 64 * 1024 * 1024;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view code_for(int status) {
  switch (status) {
    case 404: return "not_found";
    case 405: return "method_not_allowed";
    case 408: return "timeout";
    case 413: return "too_large";
    case 500: return "internal_error";
    case 503: return "queue_full";
    default: return "bad_request";
  }
}

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace

std::string_view HttpConnectionHost::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_ || date_.empty()) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 40> text{};
    const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text.data(), size);
    date_second_ = now;
  }
  return date_;
}

HttpConnection::HttpConnection(HttpConnectionHost* host, StreamPtr stream)
    : host_(host), stream_(std::move(stream)) {
  listed_ = host_->connections.insert(host_->connections.end(), this);
  is_listed_ = true;
  ++host_->counts.connections;
  host_->changed.notify();
  parser_.request().peer_uid = stream_->peer_uid();
  parser_.request().peer_name = stream_->peer_name();
  enter(Phase::idle);
}

HttpConnection::~HttpConnection() {
  leave_server();
}

void HttpConnection::enter(Phase phase) {
  const auto& options = host_->options;
  const auto now = SystemClock().now();
  phase_ = phase;
  switch (phase) {
    case Phase::idle:
      waiting_since_ = now;
      // The first request of a connection has to come as fast as the rest of a head.
      deadline_ = now + (first_ ? options.head_time : options.idle_time);
      break;
    case Phase::head:
      if (!first_) deadline_ = now + options.head_time;
      break;
    case Phase::body:
    case Phase::writing: deadline_ = now + options.slice_time; break;
    case Phase::lingering: deadline_ = now + options.linger_time; break;
    case Phase::answering:
    case Phase::ended: deadline_ = Monotonic::max(); break;
  }
}

void HttpConnection::leave_server() {
  if (!is_listed_) return;
  is_listed_ = false;
  host_->connections.erase(listed_);
  --host_->counts.connections;
  host_->changed.notify();
}

void HttpConnection::cut() {
  phase_ = Phase::ended;
  peer_gone_ = true;
  if (stream_) stream_->close();
  if (changed_) changed_->notify();
  leave_server();
}

void HttpConnection::stop() {
  closing_ = true;
  if (phase_ == Phase::idle) {
    cut();
  } else if (changed_) {
    changed_->notify();
  }
}

void HttpConnection::expire() {
  if (phase_ != Phase::lingering) ++host_->counts.timed_out;
  if (phase_ == Phase::head || phase_ == Phase::body) {
    late_ = closing_ = true;
    enter(Phase::lingering);
    host_->group.spawn(shared_from_this()->send_late());
  } else {
    cut();
  }
}

/// Sends the 408 while the main coroutine waits for bytes; that one writes nothing any more.
asio::awaitable<void> HttpConnection::send_late() {
  const auto self = shared_from_this();
  queue(error_response(408, code_for(408), "the request did not come in time"));
  const auto text = std::move(output_);
  const auto result = co_await stream_->write(text);
  if (result.ok()) co_await stream_->shutdown_send();
}

/// Reads more into the empty input. False when nothing comes any more.
asio::awaitable<bool> HttpConnection::fill() {
  if (watching_) {
    // The watcher of the last answer still reads: what comes, comes to it. It ends with the socket.
    while (watching_ && from_ == to_) co_await changed_->wait(host_->options.idle_time);
    co_return from_ < to_;
  }
  from_ = to_ = 0;
  if (phase_ == Phase::idle && input_.size() > kInputSmall) std::string().swap(input_);
  if (input_.empty()) input_.resize(kInputSmall);
  const auto got = co_await stream_->read_some(input_);
  to_ = got.bytes;
  // Heads stay with the small one, so that the requests of one read do not hold up the loop.
  if (phase_ == Phase::body && to_ == input_.size() && to_ < kInputLarge) wants_large_ = true;
  co_return got.ok();
}

asio::awaitable<bool> HttpConnection::flush() {
  const auto phase = phase_;
  const auto deadline = deadline_;
  std::string_view left = output_;
  while (!left.empty()) {
    if (phase_ == Phase::ended) co_return false;
    enter(Phase::writing);
    const auto slice = left.substr(0, kSlice);
    const auto result = co_await stream_->write(slice);
    if (!result.ok()) {
      cut();
      co_return false;
    }
    left.remove_prefix(slice.size());
  }
  output_.clear();
  // Assigning an empty string would keep the memory.
  if (output_.capacity() > kOutputKept) std::string().swap(output_);
  if (phase_ == Phase::ended) co_return false;
  if (phase_ == Phase::writing) {
    phase_ = phase;
    deadline_ = deadline;
    if (phase == Phase::idle) enter(Phase::idle);
  }
  co_return true;
}

/// Makes sure that there is input to take; what is queued goes out before anything is awaited.
asio::awaitable<bool> HttpConnection::refill() {
  bool good = true;
  if (from_ == to_ || output_.size() >= kOutputGathered) {
    queue_continue();
    if (!output_.empty()) good = co_await flush();
    // Who was told to stop while the last answer went out waits for no other request.
    if (closing_ && phase_ == Phase::idle && from_ == to_) good = false;
    if (good && from_ == to_) {
      make_room();
      good = co_await fill();
    }
  }
  co_return good;
}

void HttpConnection::queue_continue() {
  if (from_ < to_ || phase_ != Phase::body || !parser_.expects_continue() || continued_) return;
  continued_ = true;
  output_ += kContinue;
}

void HttpConnection::make_room() {
  // The watcher may be reading into it.
  if (wants_large_ && !watching_) input_.resize(kInputLarge);
  wants_large_ = false;
}

HeadOptions HttpConnection::head_options() {
  HeadOptions options;
  options.keep_alive = !closing_;
  options.minor_version = parser_.minor_version();
  options.date = host_->date();
  return options;
}

void HttpConnection::queue(const HttpResponse& response) {
  if (!append_head(output_, response, head_options())) {
    host_->failed("a handler's answer has a bad status or header field");
    closing_ = true;
    queue(error_response(500, code_for(500), "internal error"));
    return;
  }
  if (!head_only_ && status_has_body(response.status)) output_ += response.body;
}

void HttpConnection::refuse(const HttpResponse& response) {
  closing_ = true;
  head_only_ = false;
  queue(response);
}

HttpResponse HttpConnection::route_error() const {
  auto response = [&] {
    if (match_.status == 405)
      return error_response(405, code_for(405), "this path has other methods");
    if (match_.status == 400)
      return error_response(400, code_for(400), "the path is badly encoded");
    return error_response(404, code_for(404), "there is nothing at this path");
  }();
  if (!match_.allow.empty()) response.headers.add("Allow", match_.allow);
  return response;
}

void HttpConnection::on_head() {
  auto& request = parser_.request();
  ++host_->counts.requests;
  head_only_ = request.method == "HEAD";
  if (!parser_.keep_alive() || host_->stopping) closing_ = true;
  continued_ = false;
  verdict_.reset();
  match_ = RouteMatch();
  if (host_->options.guard) verdict_ = host_->options.guard(request);
  if (!verdict_) {
    match_ = host_->router.find(request.method, request.path());
    if (!match_.route) verdict_ = route_error();
  }
  if (match_.route) parser_.limit_body(match_.route->body_most);
}

/// Takes what is in the input. False when no further request of this connection is served.
asio::awaitable<bool> HttpConnection::take() {
  std::string_view bytes(input_.data() + from_, to_ - from_);
  const auto progress = parser_.feed(bytes);
  from_ = to_ - bytes.size();
  switch (progress) {
    case HttpProgress::more:
      if (phase_ == Phase::idle && parser_.started()) enter(Phase::head);
      if (phase_ == Phase::body && parser_.request().body.size() >= next_slice_) {
        next_slice_ = parser_.request().body.size() + kSlice;
        enter(Phase::body);
      }
      co_return true;
    case HttpProgress::refused:
      refuse(error_response(parser_.refusal_status(), code_for(parser_.refusal_status()),
                            parser_.refusal()));
      co_return false;
    case HttpProgress::head:
      on_head();
      if (verdict_ && parser_.has_body()) {
        refuse(*verdict_);
        co_return false;
      }
      next_slice_ = kSlice;
      enter(Phase::body);
      co_return true;
    case HttpProgress::complete: co_return co_await answer();
  }
  co_return false;
}

asio::awaitable<bool> HttpConnection::answer() {
  if (verdict_) {
    queue(*verdict_);
  } else {
    enter(Phase::answering);
    Exchange exchange(this);
    std::exception_ptr error;
    try {
      co_await match_.route->handler(&exchange);
    } catch (...) {
      error = std::current_exception();
    }
    if (error) {
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) std::rethrow_exception(error);
      host_->failed(parser_.request().method + ' ' + std::string(parser_.request().path()) + ": " +
                    what_of(error));
      if (exchange.state_ == Exchange::State::streaming) cut();
      if (exchange.state_ == Exchange::State::streaming ||
          exchange.state_ == Exchange::State::handed_over) {
        co_return false;
      }
      refuse(error_response(500, code_for(500), "internal error"));
      co_return false;
    }
    if (!finish(exchange)) co_return false;
  }
  if (closing_) co_return false;
  parser_.next();
  first_ = false;
  enter(Phase::idle);
  co_return true;
}

/// What is left to send after a handler has returned. False when the connection is over.
bool HttpConnection::finish(Exchange& exchange) {
  switch (exchange.state_) {
    case Exchange::State::handed_over: return false;
    case Exchange::State::streaming:
      if (phase_ == Phase::ended) return false;
      if (chunked_ && !head_only_) append_last_chunk(output_);
      return true;
    case Exchange::State::responded: queue(exchange.response_); return true;
    case Exchange::State::open:
      host_->failed(parser_.request().method + ' ' + std::string(parser_.request().path()) +
                    ": the handler gave no answer");
      queue(error_response(500, code_for(500), "internal error"));
      return true;
  }
  return false;
}

asio::awaitable<void> HttpConnection::run() {
  const auto self = shared_from_this();
  bool more = true;
  bool served = true;
  while (more && served) {
    more = co_await refill();
    if (late_) more = false;
    if (more) served = co_await take();
  }
  if (!stream_ || phase_ == Phase::ended) co_return;
  if (!served) co_await flush();
  if (phase_ != Phase::ended && (!served || late_)) co_await linger();
  cut();
}

/// Says that nothing more is sent and throws away what still comes: closing with unread input would
/// reset the connection and could take the answer from the client.
asio::awaitable<void> HttpConnection::linger() {
  if (!late_) {
    enter(Phase::lingering);
    co_await stream_->shutdown_send();
  }
  std::size_t thrown_away = to_ - from_;
  from_ = to_;
  while (thrown_away < kLingerMost) {
    const bool came = co_await fill();
    if (!came) break;
    thrown_away += to_ - from_;
    from_ = to_;
  }
}

asio::awaitable<void> HttpConnection::turn_away() {
  const auto self = shared_from_this();
  ++host_->counts.turned_away;
  auto response = error_response(503, code_for(503), "all connections are in use");
  response.headers.add("Retry-After", "1");
  refuse(response);
  const bool sent = co_await flush();
  if (!sent) co_return;
  co_await linger();
  cut();
}

void HttpConnection::start_watch() {
  if (!changed_) changed_.emplace(host_->executor);
  if (watching_ || peer_gone_ || to_ - from_ >= kInputLarge) return;
  watching_ = true;
  host_->group.spawn(watch());
}

/// Reads ahead while a handler is at work, so that it learns when the client goes. Bounded: it ends
/// when the input is full.
asio::awaitable<void> HttpConnection::watch() {
  const auto self = shared_from_this();
  bool needed = true;
  while (needed) {
    input_.erase(0, from_);
    to_ -= from_;
    from_ = 0;
    if (to_ >= kInputLarge) break;
    input_.resize(std::min(kInputLarge, to_ + kInputSmall));
    const auto got = co_await stream_->read_some(std::span<char>(input_).subspan(to_));
    to_ += got.bytes;
    if (!got.ok()) peer_gone_ = true;
    changed_->notify();
    needed = got.ok() && (phase_ == Phase::answering || phase_ == Phase::writing);
  }
  watching_ = false;
  changed_->notify();
}

asio::awaitable<bool> HttpConnection::ended(Duration at_most) {
  const auto deadline = SystemClock().now() + at_most;
  while (!peer_gone_ && !host_->stopping && phase_ != Phase::ended) {
    start_watch();
    const auto left = deadline - SystemClock().now();
    if (left <= Duration::zero()) co_return false;
    co_await changed_->wait(left);
  }
  co_return true;
}

asio::awaitable<Result<void>> HttpConnection::send_queued() {
  bool sent = !peer_gone_;
  if (sent) sent = co_await flush();
  if (!sent) co_return fail(Code::connection_closed, "the client has closed the connection");
  co_return Result<void>();
}

asio::awaitable<Result<void>> HttpConnection::start_stream(HttpResponse head) {
  chunked_ = parser_.minor_version() > 0;
  if (!chunked_) closing_ = true;
  if (!status_has_body(head.status)) head_only_ = true;
  auto options = head_options();
  options.framing = chunked_ ? BodyFraming::chunked : BodyFraming::until_close;
  if (!append_head(output_, head, options)) {
    throw std::logic_error("the head of a stream has a bad status or header field");
  }
  co_return co_await send_queued();
}

asio::awaitable<Result<void>> HttpConnection::send_part(std::string part) {
  if (!head_only_) {
    if (chunked_) {
      append_chunk(output_, part);
    } else {
      output_ += part;
    }
  }
  co_return co_await send_queued();
}

asio::awaitable<Result<Handover>> HttpConnection::hand_over(HttpResponse head) {
  if (!append_head(output_, head, head_options())) {
    throw std::logic_error("the head of an upgrade has a bad status or header field");
  }
  auto sent = co_await send_queued();
  if (!sent) co_return fail(std::move(sent).error());
  leave_server();
  phase_ = Phase::ended;
  Handover handover(std::move(stream_), input_.substr(from_, to_ - from_));
  co_return handover;
}

}  // namespace relay::net
