#include "net/http_guard.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

#include "support/figure.hpp"
#include "support/long_form.hpp"
#include "support/seed.hpp"

namespace relay::net {
namespace {

HttpRequest request(const std::string& host) {
  HttpRequest made;
  made.method = "GET";
  made.target = "/";
  made.headers.add("Host", host);
  made.headers.add("Authorization", "Bearer secret");
  return made;
}

int status(const LocalGuard& guard, const HttpRequest& asked) {
  const auto answer = guard(asked);
  return answer ? answer->status : 200;
}

/// Welch's t of two samples, without the slowest twentieth of each: there the machine did something
/// else.
double trend_between(std::vector<double> a, std::vector<double> b) {
  struct Moments {
    explicit Moments(std::vector<double>& sample) {
      std::sort(sample.begin(), sample.end());
      sample.resize(sample.size() - sample.size() / 20);
      const auto count = static_cast<double>(sample.size());
      for (const double each : sample) mean += each / count;
      for (const double each : sample) error += (each - mean) * (each - mean) / (count - 1) / count;
    }
    double mean = 0;
    double error = 0;
  };
  const Moments first(a);
  const Moments second(b);
  return (first.mean - second.mean) / std::sqrt(first.error + second.error);
}

}  // namespace

TEST_CASE("only the loopback names with our port are our Host") {
  for (const auto* good : {"localhost:8080", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080"}) {
    CAPTURE(good);
    CHECK(is_loopback_host(good, 8080));
  }
  for (const auto* bad : {"evil.test",
                          "evil.test:8080",
                          "localhost.evil.test:8080",
                          "127.0.0.1.evil:8080",
                          "localhost",
                          "127.0.0.1",
                          "[::1]",
                          "localhost:8081",
                          "localhost:80",
                          "localhost:",
                          "localhost:08080",
                          "localhost:+8080",
                          "localhost:8080 ",
                          " localhost:8080",
                          "localhost:8080/",
                          "localhost.:8080",
                          "user@localhost:8080",
                          "localhost@evil.test:8080",
                          "localhost:8080@evil.test",
                          "localhost:73616",
                          "::1:8080",
                          "[::1:8080",
                          "::1]:8080",
                          "[0:0:0:0:0:0:0:1]:8080",
                          "[::ffff:127.0.0.1]:8080",
                          "[::1%lo]:8080",
                          "127.0.0.2:8080",
                          "127.1:8080",
                          "2130706433:8080",
                          "0.0.0.0:8080",
                          "0x7f.0.0.1:8080",
                          "",
                          ":8080",
                          "8080",
                          "localhost,localhost:8080",
                          "[::1]"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_loopback_host(bad, 8080));
  }
  CHECK(is_loopback_host("localhost", 80));
  CHECK(is_loopback_host("[::1]", 80));
  CHECK_FALSE(is_loopback_host("localhost", 443));
}

TEST_CASE("the guard wants our Host, no foreign Origin and the token") {
  LocalGuard guard(8080, "secret");
  CHECK(status(guard, request("localhost:8080")) == 200);
  CHECK(status(guard, request("evil.test:8080")) == 403);
  HttpRequest none;
  CHECK(status(guard, none) == 403);
  auto two = request("localhost:8080");
  two.headers.add("Host", "localhost:8080");
  CHECK(status(guard, two) == 403);

  for (const auto* origin : {"null", "http://localhost:8080", "https://app.test.evil", ""}) {
    auto asked = request("localhost:8080");
    asked.headers.add("Origin", origin);
    CHECK(status(guard, asked) == 403);
  }
  guard.allowed_origins = {"https://app.test"};
  auto listed = request("localhost:8080");
  listed.headers.add("Origin", "https://app.test");
  CHECK(status(guard, listed) == 200);
  listed.headers.add("Origin", "null");
  CHECK(status(guard, listed) == 403);

  for (const auto* value : {"Bearer secre", "Bearer secrets", "Bearer ", "Basic secret", "secret",
                            "Bearer SECRET", "Bearer secret x"}) {
    auto asked = request("localhost:8080");
    asked.headers.set("Authorization", value);
    CAPTURE(value);
    CHECK(status(guard, asked) == 401);
  }
  auto twice = request("localhost:8080");
  twice.headers.add("Authorization", "Bearer secret");
  CHECK(status(guard, twice) == 401);
  auto lower = request("localhost:8080");
  lower.headers.set("Authorization", "bearer secret");
  CHECK(status(guard, lower) == 200);
  CHECK(status(LocalGuard(8080, ""), request("localhost:8080")) == 401);
}

TEST_CASE("where a request comes from is checked apart from its token") {
  const LocalGuard guard(8080, "");
  auto asked = request("localhost:8080");
  asked.headers.set("Authorization", "Bearer wrong");
  CHECK_FALSE(guard.check_origin(asked).has_value());
  CHECK(guard.check_origin(request("evil.test:8080"))->status == 403);
  asked.headers.add("Origin", "null");
  CHECK(guard.check_origin(asked)->status == 403);
  asked.peer_uid = ::getuid();
  CHECK(guard.check_origin(asked)->status == 403);
}

TEST_CASE("S6: a Unix socket serves its own user and root") {
  CHECK(is_trusted_peer(1000, 1000));
  CHECK(is_trusted_peer(0, 1000));
  CHECK_FALSE(is_trusted_peer(1001, 1000));
  CHECK_FALSE(is_trusted_peer(1000, 0));
  LocalGuard guard(0, "secret");
  HttpRequest asked;
  asked.peer_uid = ::getuid();
  CHECK(status(guard, asked) == 200);
  asked.peer_uid = ::getuid() + 1;
  CHECK(status(guard, asked) == 403);
  asked.peer_uid = ::getuid();
  guard.peer_needs_token = true;
  CHECK(status(guard, asked) == 401);
}

TEST_CASE("tokens of any length are compared") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(equal_in_constant_time("abc", "ab"));
  CHECK_FALSE(equal_in_constant_time("", "a"));
  const std::string nul("a\0b", 3);
  CHECK_FALSE(equal_in_constant_time(nul, "a"));
  CHECK_FALSE(equal_in_constant_time(nul, std::string("a\0c", 3)));
}

// A figure of the table of `./dev test faults`, which makes it long with RELAY_BROKER_TIMINGS: a
// machine with other things to do may show a trend that is not ours.
TEST_CASE("S8: how long a token is compared says nothing about where it is wrong") {
  const auto count = static_cast<std::size_t>(test::long_form("RELAY_BROKER_TIMINGS", 200));
  const std::string token(43, 'k');
  std::string late = token;
  late.back() = 'x';
  std::string early = token;
  early.front() = 'x';
  std::mt19937 random(test::seed());
  std::array<std::vector<double>, 2> took;
  while (took[0].size() < count || took[1].size() < count) {
    const bool is_late = random() % 2 == 0;
    const auto from = std::chrono::steady_clock::now();
    const bool equal = equal_in_constant_time(is_late ? late : early, token);
    const std::chrono::duration<double> each = std::chrono::steady_clock::now() - from;
    REQUIRE_FALSE(equal);
    took[is_late ? 1 : 0].push_back(each.count());
  }
  const double t = trend_between(took[0], took[1]);
  CHECK(std::isfinite(t));
  char text[120];
  std::snprintf(text, sizeof text,
                "wrong in the first and in the last of %zu characters, %zu times each: t = %.2f "
                "(less than 4.5 either way)",
                token.size(), count, t);
  test::figure("S8", text, std::abs(t), 4.5);
}

TEST_CASE("an error body is JSON whatever it says") {
  CHECK(error_response(400, "bad", "say \"no\" \\").body ==
        R"({"ok":false,"error":{"code":"bad","message":"say \"no\" \\"}})");
}

}  // namespace relay::net
