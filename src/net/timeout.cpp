#include "net/timeout.hpp"

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <system_error>

// Asio moved it out of its experimental corner after 1.22.
#if __has_include(<asio/deferred.hpp>)
#include <asio/deferred.hpp>
#else
#include <asio/experimental/deferred.hpp>
namespace asio {
using experimental::deferred;
}
#endif

namespace relay::net {

namespace detail {

asio::awaitable<bool> race(asio::awaitable<void> work, Duration at_most) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, at_most);
  // Not `work || timer` of awaitable_operators: that waits for the first success, so a failure of
  // `work` would surface only when the timer fires.
  auto both = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(work), asio::deferred), timer.async_wait(asio::deferred));
  const auto [order, error, timer_error] =
      co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  const bool late = !timer_error;
  if (error && !late) std::rethrow_exception(error);
  if (error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::system_error& e) {
      if (e.code() != asio::error::operation_aborted) throw;
    }
  }
  co_return late;
}

Error timed_out(std::string_view what, Duration at_most) {
  const auto seconds = std::chrono::duration<double>(at_most).count();
  return Error(Code::timeout, fmt::format("{}: no end within {:g} s", what, seconds));
}

}  // namespace detail

asio::awaitable<void> pause(Duration how_long) {
  asio::steady_timer timer(co_await asio::this_coro::executor, how_long);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace relay::net
