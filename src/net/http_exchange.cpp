#include "net/http_exchange.hpp"

#include <stdexcept>

#include "net/http_connection.hpp"

namespace relay::net {

HttpRequest& Exchange::request() {
  return connection_->parser_.request();
}

std::string_view Exchange::parameter(std::string_view name) const {
  for (const auto& [key, value] : connection_->match_.parameters) {
    if (key == name) return value;
  }
  return {};
}

void Exchange::respond(HttpResponse response) {
  if (state_ != State::open && state_ != State::responded) {
    throw std::logic_error("a second answer to one request");
  }
  state_ = State::responded;
  response_ = std::move(response);
}

asio::awaitable<Result<void>> Exchange::begin_stream(HttpResponse head) {
  if (state_ != State::open) throw std::logic_error("a second answer to one request");
  state_ = State::streaming;
  co_return co_await connection_->start_stream(std::move(head));
}

asio::awaitable<Result<void>> Exchange::write(std::string part) {
  if (state_ != State::streaming) throw std::logic_error("a part of an answer without a head");
  co_return co_await connection_->send_part(std::move(part));
}

asio::awaitable<Result<void>> Exchange::begin_events() {
  HttpResponse head(200);
  head.headers.add("Content-Type", "text/event-stream");
  head.headers.add("Cache-Control", "no-store");
  // Asks nginx not to gather events.
  head.headers.add("X-Accel-Buffering", "no");
  co_return co_await begin_stream(std::move(head));
}

asio::awaitable<Result<void>> Exchange::send_event(std::string event, std::string data,
                                                   std::string id) {
  std::string text;
  append_event(text, event, data, id);
  co_return co_await write(std::move(text));
}

asio::awaitable<Result<void>> Exchange::send_comment(std::string text) {
  std::string line;
  append_comment(line, text);
  co_return co_await write(std::move(line));
}

asio::awaitable<bool> Exchange::ended(Duration at_most) {
  co_return co_await connection_->ended(at_most);
}

asio::awaitable<Result<Handover>> Exchange::upgrade(HttpResponse head) {
  if (state_ != State::open) throw std::logic_error("a second answer to one request");
  if (connection_->watching_) throw std::logic_error("an upgrade of a connection that is read");
  if (!connection_->parser_.upgrade()) {
    co_return fail(Code::protocol_error, "the client did not ask for an upgrade");
  }
  auto handover = co_await connection_->hand_over(std::move(head));
  state_ = State::handed_over;
  co_return handover;
}

}  // namespace relay::net
