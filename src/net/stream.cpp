#include "net/stream.hpp"

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <utility>

namespace relay::net {

IoResult Stream::try_read(std::span<char>) {
  return {asio::error::operation_not_supported, 0};
}

IoResult Stream::try_write(std::span<const char>) {
  return {asio::error::operation_not_supported, 0};
}

void Stream::on_writable(std::function<void(std::error_code)> call) {
  auto refuse = [call = std::move(call)] { call(asio::error::operation_not_supported); };
  asio::post(executor(), std::move(refuse));
}

}  // namespace relay::net
