#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "net/http_message.hpp"

namespace relay::net {

/// When a call is tried again. Data: the decision is `Retry`.
class RetryPolicy {
 public:
  /// One try, no repeat.
  static RetryPolicy none();
  /// Up to four tries within about 10 s, for the failures that pass.
  static RetryPolicy standard();

  int tries = 1;
  Duration first_delay = std::chrono::milliseconds(200);
  Duration delay_most = std::chrono::seconds(5);
  /// A Retry-After beyond it ends the tries: the caller is told when to come back.
  Duration retry_after_most = std::chrono::seconds(30);
  /// Answers that are worth another try.
  std::vector<int> statuses;
  /// Failures without an answer that are worth another try.
  std::vector<Code> codes;
};

/// Whether a request may be sent twice: a method that is idempotent by definition, or an
/// Idempotency-Key.
[[nodiscard]] bool is_repeatable(std::string_view method, const Headers& headers);

/// A Retry-After field: seconds, or a date of HTTP (any of its three forms). Never negative, at
/// most a day; nothing when it is neither.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                                    Wall now);

/// The decision after each try of one call. Pure.
class Retry {
 public:
  /// `deadline`: a wait that would not end before it is not started.
  Retry(RetryPolicy policy, bool repeatable, Monotonic deadline, Random& random);

  /// After an answer: how long to wait before the next try, or nothing when this one stands.
  [[nodiscard]] std::optional<Duration> after_answer(int status,
                                                     std::optional<Duration> retry_after,
                                                     Monotonic now);
  /// After a failure without an answer. A request that cannot be repeated is tried again only if
  /// it was never sent.
  [[nodiscard]] std::optional<Duration> after_failure(Code code, bool never_sent, Monotonic now);

 private:
  [[nodiscard]] std::optional<Duration> next(std::optional<Duration> at_least, Monotonic now);

  RetryPolicy policy_;
  bool repeatable_;
  Monotonic deadline_;
  Backoff backoff_;
  int made_ = 0;
};

}  // namespace relay::net
