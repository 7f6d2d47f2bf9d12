#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "net/dial.hpp"
#include "net/listener.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"

namespace relay::test {

class StreamPair {
 public:
  StreamPair(net::StreamPtr near_in, net::StreamPtr far_in)
      : near(std::move(near_in)), far(std::move(far_in)) {}
  net::StreamPtr near;
  net::StreamPtr far;
};

inline asio::awaitable<void> accept_into(net::Listener* listener, net::StreamPtr* into) {
  auto accepted = co_await listener->accept();
  if (!accepted) throw std::runtime_error(accepted.error().message);
  *into = std::move(*accepted);
}

/// Two ends of one loopback TCP connection.
inline asio::awaitable<StreamPair> connect_pair() {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = net::Listener::tcp(executor, "127.0.0.1", 0);
  if (!listener) throw std::runtime_error(listener.error().message);
  net::StreamPtr far;
  net::TaskGroup group(executor);
  group.spawn(accept_into(&*listener, &far));
  auto near = co_await net::dial_tcp("127.0.0.1", std::to_string(listener->port()),
                                     std::chrono::seconds(5));
  co_await net::shielded();
  co_await group.join();
  if (!near) throw std::runtime_error(near.error().message);
  co_return StreamPair(std::move(*near), std::move(far));
}

/// Everything up to the end of the stream, or until `enough` bytes came.
inline asio::awaitable<std::string> read_all(net::Stream* stream, std::size_t enough = SIZE_MAX) {
  std::string heard;
  std::array<char, 4096> buffer{};
  while (heard.size() < enough) {
    const auto got = co_await stream->read_some(buffer);
    if (!got.ok()) break;
    heard.append(buffer.data(), got.bytes);
  }
  co_return heard;
}

}  // namespace relay::test
