#include "net/retry.hpp"

#include <doctest/doctest.h>

#include "net/proxy.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;

constexpr Monotonic kStart{1000s};
constexpr Monotonic kFar{5000s};

std::optional<std::chrono::seconds> parsed(std::string_view value) {
  // 2026-01-01T00:00:00Z
  return parse_retry_after(value, Wall(1767225600s + 500ms));
}

}  // namespace

TEST_CASE("tries end after the last one, with growing waits between") {
  SeededRandom random(7);
  Retry retry(RetryPolicy::standard(), true, kFar, random);
  Duration ceiling = 200ms;
  Monotonic now = kStart;
  for (int i = 0; i < 3; ++i) {
    const auto wait = retry.after_answer(503, std::nullopt, now);
    REQUIRE(wait.has_value());
    CHECK(*wait > 0ms);
    CHECK(*wait <= ceiling);
    ceiling *= 2;
    now += *wait;
  }
  CHECK_FALSE(retry.after_answer(503, std::nullopt, now).has_value());
}

TEST_CASE("what a second try cannot change is not tried again") {
  SeededRandom random(7);
  for (const int status : {200, 201, 302, 400, 401, 403, 404, 409, 413, 501}) {
    CHECK_FALSE(
        Retry(RetryPolicy::standard(), true, kFar, random).after_answer(status, {}, kStart));
  }
  for (const Code code : {Code::tls_failed, Code::too_large, Code::protocol_error, Code::cancelled,
                          Code::invalid_argument}) {
    CHECK_FALSE(
        Retry(RetryPolicy::standard(), true, kFar, random).after_failure(code, true, kStart));
  }
  CHECK_FALSE(Retry(RetryPolicy::none(), true, kFar, random).after_answer(503, {}, kStart));
}

TEST_CASE("a request that must not be done twice is repeated only if it was not done") {
  SeededRandom random(7);
  const auto answered = [&](int status) {
    return Retry(RetryPolicy::standard(), false, kFar, random)
        .after_answer(status, {}, kStart)
        .has_value();
  };
  CHECK(answered(429));
  CHECK(answered(503));
  CHECK_FALSE(answered(500));
  CHECK_FALSE(answered(504));
  const auto failed = [&](bool never_sent) {
    return Retry(RetryPolicy::standard(), false, kFar, random)
        .after_failure(Code::engine_unreachable, never_sent, kStart)
        .has_value();
  };
  CHECK(failed(true));
  CHECK_FALSE(failed(false));

  Headers headers;
  CHECK(is_repeatable("GET", headers));
  CHECK(is_repeatable("DELETE", headers));
  CHECK_FALSE(is_repeatable("POST", headers));
  CHECK_FALSE(is_repeatable("PATCH", headers));
  headers.add("idempotency-key", "1");
  CHECK(is_repeatable("POST", headers));
}

TEST_CASE("Retry-After is honoured for 429 and 503, within bounds") {
  SeededRandom random(7);
  Retry retry(RetryPolicy::standard(), true, kFar, random);
  const auto wait = retry.after_answer(429, 3s, kStart);
  REQUIRE(wait.has_value());
  CHECK(*wait > 3s);
  CHECK(*wait <= 3s + 200ms);
  CHECK_FALSE(retry.after_answer(503, 31s, kStart).has_value());
  const auto other = retry.after_answer(500, 31s, kStart);
  REQUIRE(other.has_value());
  CHECK(*other <= 400ms);
}

TEST_CASE("no wait begins that would end after the deadline") {
  SeededRandom random(7);
  Retry retry(RetryPolicy::standard(), true, kStart + 2s, random);
  CHECK_FALSE(retry.after_answer(503, 2s, kStart).has_value());
  CHECK(retry.after_answer(503, 1s, kStart).has_value());
}

TEST_CASE("Retry-After is seconds or a date") {
  CHECK(parsed("0") == 0s);
  CHECK(parsed("120") == 120s);
  CHECK(parsed("99999999999999999999999") == 24h);
  CHECK(parsed("100000") == 24h);
  CHECK(parsed("Thu, 01 Jan 2026 00:01:00 GMT") == 60s);
  CHECK(parsed("Thursday, 01-Jan-26 00:01:00 GMT") == 60s);
  CHECK(parsed("Thu Jan  1 00:01:00 2026") == 60s);
  CHECK(parsed("Wed, 31 Dec 2025 23:59:59 GMT") == 0s);
  CHECK(parsed("Fri, 01 Jan 2027 00:00:00 GMT") == 24h);
  for (const auto* bad : {"", "-1", "+1", "1.5", "1 s", "soon", " 1",
                          "Thu, 01 Jan 2026 00:01:00 GMT junk", "Thu, 32 Jan 2026 00:01:00 GMT"}) {
    CAPTURE(bad);
    CHECK_FALSE(parsed(bad).has_value());
  }
}

TEST_CASE("the environment names proxies and certificates") {
  const os::Environment environment{{"HTTP_PROXY", "upper:1"},      {"http_proxy", "lower:2"},
                                    {"ALL_PROXY", "all:3"},         {"https_proxy", ""},
                                    {"CURL_CA_BUNDLE", "/bundle"},  {"SSL_CERT_FILE", "/file"},
                                    {"NO_PROXY", "a.test,.b.test"}, {"SSL_CERT_DIR", "/dir"}};
  const auto settings = NetworkSettings::from(environment);
  CHECK(settings.http_proxy == "lower:2");
  CHECK(settings.https_proxy == "all:3");
  CHECK(settings.no_proxy == "a.test,.b.test");
  CHECK(settings.ca_file == "/bundle");
  CHECK(settings.ca_directory == "/dir");
}

TEST_CASE("names of this machine") {
  for (const auto* near :
       {"localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"}) {
    CHECK(is_loopback_name(near));
  }
  for (const auto* far : {"localhost.evil.test", "notlocalhost", "127.0.0.1.evil.test", "10.0.0.1",
                          "", "[::2]", "128.0.0.1"}) {
    CHECK_FALSE(is_loopback_name(far));
  }
}

}  // namespace relay::net
