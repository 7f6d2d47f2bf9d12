#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace relay::test {

/// Runs one coroutine to its end on a loop of its own and returns what it returns. A coroutine that
/// does not end within `at_most` fails the test instead of hanging it.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> work,
      std::chrono::seconds at_most = std::chrono::seconds(120)) {
  io.restart();
  std::optional<std::exception_ptr> error;
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) { error = std::move(e); });
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!error && io.run_one_until(deadline) != 0) {
    }
    if (!error) throw std::runtime_error("the coroutine under test did not end");
    if (*error) std::rethrow_exception(*error);
  } else {
    std::optional<T> value;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T v) {
      error = std::move(e);
      value.emplace(std::move(v));
    });
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!error && io.run_one_until(deadline) != 0) {
    }
    if (!error) throw std::runtime_error("the coroutine under test did not end");
    if (*error) std::rethrow_exception(*error);
    return std::move(*value);
  }
}

}  // namespace relay::test
