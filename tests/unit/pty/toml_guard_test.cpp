#include "pty/toml_guard.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace relay::pty;

namespace {

std::size_t strange_line(std::string_view text) {
  const auto found = strange_character(text);
  return found ? found->line : 0;
}

}  // namespace

TEST_CASE("A text that TOML allows has no strange character") {
  CHECK(strange_line("") == 0);
  CHECK(strange_line("\xef\xbb\xbfname = \"x\"\r\n\t# über\n") == 0);
  CHECK(strange_line("a = \"ü\"\nb = 'ü'\nc = \"\"\"ü\n\"\"ü\"\"\"\nd = '''ü\n''ü'''\n") == 0);
  CHECK(strange_line(R"(a = "\"ü" # "ü)") == 0);
  CHECK(strange_line(R"(a = "\\" # ü)") == 0);
  CHECK(strange_line(R"(a = '\' # ü)") == 0);
}

TEST_CASE("Characters beyond ASCII belong in quotes and comments") {
  CHECK(strange_line("a = 1\nb = \xc7\xad") == 2);
  CHECK(strange_line("\xc3\xbc = 1") == 1);
  CHECK(strange_line("a = \"x\" \xc3\xbc") == 1);
  CHECK(strange_line("a = \"\\\\\" \xc3\xbc") == 1);
  CHECK(strange_line("a = '\\' \xc3\xbc") == 1);
  CHECK(strange_line("a = 'x\n\xc3\xbc") == 2);
  CHECK(strange_line("a = '''x\n'''\xc3\xbc") == 2);
  CHECK(strange_line("# x\n\xc3\xbc") == 2);
  CHECK(strange_line("a = \"\" \xc3\xbc") == 1);
  CHECK(strange_line("a = \"\"\"x\"\"\"\" \xc3\xbc") == 1);
}

TEST_CASE("Control characters and broken UTF-8 are strange everywhere") {
  CHECK(strange_line(std::string_view("a\0", 2)) == 1);
  CHECK(strange_line("# \x1b[2J") == 1);
  CHECK(strange_line("a = \"\x7f\"") == 1);
  CHECK(strange_line("a = 1\rb = 2") == 1);
  CHECK(strange_line("\n\n# \xc3(") == 3);
}
