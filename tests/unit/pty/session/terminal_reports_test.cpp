#include "pty/session/terminal_reports.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::pty {

TEST_CASE("what a terminal says on its own is no key") {
  for (const char* report :
       {"\x1B[12;40R", "\x1B[?62;22c", "\x1B[>1;95;0c", "\x1B[0n", "\x1B[?2026;2$y",
        "\x1B[8;24;80t", "\x1B[?1u", "\x1B[I", "\x1B[O", "\x1B[<35;10;4M", "\x1B[<0;10;4m",
        "\x1B]11;rgb:1e1e/1e1e/1e1e\x1B\\", "\x1BP>|xterm(390)\x1B\\", "\x1B[5;5R\x1B[I"}) {
    CAPTURE(report);
    CHECK_FALSE(TerminalReports().has_key(report));
    TerminalReports in_pieces;
    CHECK_FALSE(in_pieces.has_key(std::string(report).substr(0, 3)));
    CHECK_FALSE(in_pieces.has_key(std::string(report).substr(3)));
  }
}

TEST_CASE("what a person types is one") {
  for (const char* key : {"a", "\r", "\x03", "\x1B", "\x1B[A", "\x1BOA", "\x1B[1;5C", "\x1B[3~",
                          "\x1B[200~text\x1B[201~", "é", "\x1Bx", "\x1B[Ia", "\x1B[97;5u"}) {
    CAPTURE(key);
    CHECK(TerminalReports().has_key(key));
  }
}

}  // namespace relay::pty
