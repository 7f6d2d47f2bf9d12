#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace relay::net {

namespace detail {

/// Runs `work` to its end, cancelling it when `at_most` is over. True when the time ran out.
/// Rethrows what `work` throws, except its cancellation by us.
asio::awaitable<bool> race(asio::awaitable<void> work, Duration at_most);

template <class T>
asio::awaitable<void> store(asio::awaitable<Result<T>> work, std::optional<Result<T>>* into) {
  into->emplace(co_await std::move(work));
}

Error timed_out(std::string_view what, Duration at_most);

}  // namespace detail

/// `work`, given at most this long. When the time is over `work` is cancelled and awaited, so it
/// never outlives the call, and the result is `timeout` ("what: no end within 5 s"), unless the
/// work had a value all the same. Cancelling the caller cancels `work`.
template <class T>
asio::awaitable<Result<T>> with_timeout(asio::awaitable<Result<T>> work, Duration at_most,
                                        std::string what) {
  std::optional<Result<T>> outcome;
  auto stored = detail::store<T>(std::move(work), &outcome);
  const bool late = co_await detail::race(std::move(stored), at_most);
  if (outcome && (outcome->has_value() || !late)) co_return std::move(*outcome);
  co_return fail(detail::timed_out(what, at_most));
}

/// Nothing, for this long. Cancellable.
asio::awaitable<void> pause(Duration how_long);

}  // namespace relay::net
