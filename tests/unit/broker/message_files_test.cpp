#include "broker/message_files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "os/fake_files.hpp"

using namespace relay;
using namespace relay::broker;
using namespace std::chrono_literals;

TEST_CASE("of the files of long messages the last ones stay, and nothing else goes") {
  FakeClock clock;
  os::FakeFiles files(clock);
  const os::Path directory = "/run/agents/ada";
  REQUIRE(files.make_private_directory(directory));
  REQUIRE(files.put(directory / "token", "at_x"));
  for (int i = 0; i < 70; ++i) {
    clock.advance(1s);
    // Not in the order of their names.
    const auto name = fmt::format("message-{}-x.txt", (i * 37) % 70);
    REQUIRE(keep_message_file(files, directory / name, fmt::format("body {}", i)));
  }
  const auto names = files.list(directory);
  REQUIRE(names);
  CHECK(names->size() == 64 + 1);
  CHECK(files.stat(directory / "token"));
  for (int i = 0; i < 70; ++i) {
    CAPTURE(i);
    const auto body = files.read(directory / fmt::format("message-{}-x.txt", (i * 37) % 70), 100);
    CHECK(body.has_value() == (i >= 6));
    if (body) CHECK(*body == fmt::format("body {}", i));
  }
  // The same one again: what a broker before has left is replaced.
  REQUIRE(keep_message_file(files, directory / fmt::format("message-{}-x.txt", 69 * 37 % 70), "z"));
  CHECK(files.list(directory)->size() == 64 + 1);
}
