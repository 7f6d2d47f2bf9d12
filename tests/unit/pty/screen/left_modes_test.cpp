#include "pty/screen/left_modes.hpp"

#include <doctest/doctest.h>
#include <string>
#include <utility>

#include "pty/screen/screen.hpp"
#include "unit/pty/screen/random_output.hpp"

namespace relay::pty {
namespace {

std::string reset_after(std::string_view output) {
  LeftModes whole;
  whole.feed(output);
  LeftModes bytes;
  for (const char& byte : output) bytes.feed({&byte, 1});
  CHECK(whole.reset() == bytes.reset());
  return whole.reset();
}

}  // namespace

TEST_CASE("what is left on is switched off, each by its own sequence") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"plain text\r\n", ""},
      {"\x1B[?1049h", "\x1B[?1049l"},
      {"\x1B[?47h", "\x1B[?47l"},
      {"\x1B[?25l", "\x1B[?25h"},
      {"\x1B[?7l", "\x1B[?7h"},
      {"\x1B[?1000;1002;1003;1006h", "\x1B[?1000l\x1B[?1002l\x1B[?1003l\x1B[?1006l"},
      {"\x1B[?2004h\x1B[?1004h", "\x1B[?1004l\x1B[?2004l"},
      {"\x1B[?2026h", "\x1B[?2026l"},
      {"\x1B[?1h\x1B=", "\x1B[?1l\x1B>"},
      {"\x1B[?66h", "\x1B>"},
      {"\x1B[4h", "\x1B[4l"},
      {"\x1B[?6h", "\x1B[?6l"},
      {"\x1B[3;9r",
       "\x1B"
       "7\x1B[r\x1B"
       "8"},
      {"\x1B[>5u", "\x1B[<1u"},
      {"\x1B[>5u\x1B[>1u\x1B[<u", "\x1B[<1u"},
      {"\x1B[=3u", "\x1B[<1u"},
      {"\x1B[>1u\x1B[?1049h\x1B[>1u\x1B[>1u", "\x1B[<2u\x1B[?1049l\x1B[<1u"},
      {"\x1B[>4;2m", "\x1B[>4m"},
      {"\x1B[5 q", "\x1B[0 q"},
      {"\x1B(0", "\x1B(B"},
      {"\x0E", "\x0F"},
      {"\x1B[1;31m", "\x1B[0m"},
      {"\x1B]8;;http://x/\x1B\\text", "\x1B]8;;\x1B\\"},
  };
  for (const auto& [output, reset] : cases) {
    CAPTURE(output);
    CHECK(reset_after(output) == reset);
    // What was reset is off.
    LeftModes again;
    again.feed(output);
    again.feed(again.reset());
    CHECK(again.reset().empty());
  }
}

TEST_CASE("a program that cleans up leaves nothing") {
  for (const std::string_view output :
       {"\x1B[?1049h\x1B[?25l\x1B[?25h\x1B[?1049l", "\x1B[?47h\x1B[?1049l", "\x1B[31mx\x1B[39m",
        "\x1B[38:2::1:2:3mx\x1B[m", "\x1B[>1u\x1B[<u", "\x1B[>4;1m\x1B[>4n", "\x1B[2;5r\x1B[r",
        "\x1B"
        "7\x1B[31m\x1B(0\x1B[?6h\x1B"
        "8",
        "\x1B[s\x1B[1m\x1B[u", "\x1B[?1049h\x1B[1m\x0E\x1B[?1049l",
        "\x1B]8;id=1;http://x/\x07y\x1B]8;;\x07", "\x1B[2 q\x1B[ q", "\x1B(0qq\x1B(B",
        "\x1B[?1000h\x1B[?1049h\x1B[>1u\x1B[5mx\x1B"
        "c",
        "\x1B[?25l\x1B[4h\x1B[1m\x1B[!p"}) {
    CAPTURE(output);
    CHECK(reset_after(output).empty());
  }
}

TEST_CASE("a sequence that was cut is cancelled first") {
  CHECK(reset_after("\x1B[?1049h\x1B]0;half a tit") == "\x18\x1B[?1049l");
  CHECK(reset_after("\x1B[38;5") == "\x18");
}

TEST_CASE("after its reset any output leaves a screen's modes as they were") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const std::string output = test::RandomOutput(seed, false).next(60, 24, 80);
    LeftModes left;
    left.feed(output);
    Screen screen(24, 80);
    screen.feed(output);
    screen.feed(left.reset());
    ScreenModes now = screen.modes();
    // Not followed: what a terminal's user sets for themselves.
    now.cursor_blink = now.alternate_scroll = now.newline = false;
    now.mouse_encoding = {};
    CHECK(now == ScreenModes());
  }
}

}  // namespace relay::pty
