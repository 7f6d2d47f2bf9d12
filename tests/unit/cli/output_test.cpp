#include "cli/output.hpp"

#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

namespace relay::cli {

TEST_CASE("a megabyte through a slow pipe arrives whole") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  std::size_t arrived = 0;
  std::thread reader([&] {
    std::array<char, 1000> buffer{};
    for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
      arrived += static_cast<std::size_t>(n);
    }
  });
  Output out(ends[1]);
  for (int i = 0; i < 1000; ++i) out.line(std::string(999, 'x'));
  CHECK(out.flush().has_value());
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  CHECK(arrived == 1'000'000);
}

TEST_CASE("a full disk is an error, a reader that has gone is not") {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  Output to_full(full);
  to_full.line("x");
  const auto refused = to_full.flush();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::disk_full);
  CHECK_FALSE(to_full.reader_gone());
  ::close(full);

  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  ::close(ends[0]);
  Output to_nobody(ends[1]);
  to_nobody.line("x");
  CHECK_FALSE(to_nobody.flush().has_value());
  CHECK(to_nobody.reader_gone());
  ::close(ends[1]);
}

}  // namespace relay::cli
