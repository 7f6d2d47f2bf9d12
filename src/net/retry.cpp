#include "net/retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <string>

namespace relay::net {
namespace {

constexpr std::chrono::seconds kDay = std::chrono::hours(24);

/// The three date formats that HTTP knows (RFC 9110 §5.6.7).
constexpr std::array kDateFormats{"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                  "%a %b %e %H:%M:%S %Y"};

std::optional<std::time_t> parse_date(std::string_view value) {
  const std::string text(value);
  for (const char* format : kDateFormats) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end && end == text.c_str() + text.size()) return ::timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace

RetryPolicy RetryPolicy::none() {
  return {};
}

RetryPolicy RetryPolicy::standard() {
  RetryPolicy policy;
  policy.tries = 4;
  policy.statuses = {408, 429, 500, 502, 503, 504};
  policy.codes = {Code::engine_unreachable, Code::connection_closed, Code::timeout};
  return policy;
}

bool is_repeatable(std::string_view method, const Headers& headers) {
  for (const auto name : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    if (method == name) return true;
  }
  return headers.count("Idempotency-Key") > 0;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, Wall now) {
  if (value.empty() || value.size() > 64) return std::nullopt;
  if (std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    long long seconds = 0;
    const auto result = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (result.ec != std::errc()) return kDay;
    return std::chrono::seconds(std::min<long long>(seconds, kDay.count()));
  }
  const auto date = parse_date(value);
  if (!date) return std::nullopt;
  const auto today = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (*date <= today) return std::chrono::seconds(0);
  return std::chrono::seconds(std::min<long long>(*date - today, kDay.count()));
}

Retry::Retry(RetryPolicy policy, bool repeatable, Monotonic deadline, Random& random)
    : policy_(std::move(policy)),
      repeatable_(repeatable),
      deadline_(deadline),
      backoff_(policy_.first_delay, policy_.delay_most, policy_.delay_most, random) {}

std::optional<Duration> Retry::after_answer(int status, std::optional<Duration> retry_after,
                                            Monotonic now) {
  const auto& statuses = policy_.statuses;
  const bool listed = std::find(statuses.begin(), statuses.end(), status) != statuses.end();
  // These two say that the request was not carried out.
  const bool not_done = status == 429 || status == 503;
  if (!listed || (!repeatable_ && !not_done)) return std::nullopt;
  if (!not_done) retry_after.reset();
  if (retry_after && *retry_after > policy_.retry_after_most) return std::nullopt;
  return next(retry_after, now);
}

std::optional<Duration> Retry::after_failure(Code code, bool never_sent, Monotonic now) {
  const auto& codes = policy_.codes;
  if (std::find(codes.begin(), codes.end(), code) == codes.end()) return std::nullopt;
  if (!repeatable_ && !never_sent) return std::nullopt;
  return next(std::nullopt, now);
}

std::optional<Duration> Retry::next(std::optional<Duration> at_least, Monotonic now) {
  if (++made_ >= policy_.tries) return std::nullopt;
  // The jitter comes on top of what the server asks for, so that its clients do not all come back
  // in the same moment.
  const Duration wait = backoff_.next() + at_least.value_or(Duration::zero());
  if (now + wait >= deadline_) return std::nullopt;
  return wait;
}

}  // namespace relay::net
