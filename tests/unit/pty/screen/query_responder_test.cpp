#include "pty/screen/query_responder.hpp"

#include <algorithm>
#include <doctest/doctest.h>

#include "unit/pty/screen/random_output.hpp"

namespace relay::pty {
namespace {

/// What a terminal of 24 by 80 answers to this output.
std::string answers(std::string_view output, std::size_t piece = SIZE_MAX) {
  Screen screen(24, 80);
  QueryResponder responder;
  std::string all;
  for (; !output.empty(); output.remove_prefix(std::min(piece, output.size()))) {
    all += feed_and_answer(screen, responder, output.substr(0, piece));
  }
  return all;
}

}  // namespace

TEST_CASE("each query has its answer, however it is cut") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"\x1B[c", "\x1B[?62;22c"},
      {"\x1B[0c", "\x1B[?62;22c"},
      {"\x1BZ", "\x1B[?62;22c"},
      {"\x1B[>c", "\x1B[>1;95;0c"},
      {"\x1B[>0c", "\x1B[>1;95;0c"},
      {"\x1B[=c", "\x1BP!|00000000\x1B\\"},
      {"\x1B[5n", "\x1B[0n"},
      {"\x1B[6n", "\x1B[1;1R"},
      {"ab\r\ncde\x1B[6n", "\x1B[2;4R"},
      {"\x1B[?6n", "\x1B[?1;1R"},
      {"\x1B[5;10r\x1B[?6h\x1B[3;3H\x1B[6n", "\x1B[3;3R"},
      {"\x1B[?2026$p", "\x1B[?2026;2$y"},
      {"\x1B[?2026h\x1B[?2026$p", "\x1B[?2026;1$y"},
      {"\x1B[?2004h\x1B[?2004$p\x1B[?2004l\x1B[?2004$p", "\x1B[?2004;1$y\x1B[?2004;2$y"},
      {"\x1B[?1049$p", "\x1B[?1049;2$y"},
      {"\x1B[?7$p\x1B[?25$p", "\x1B[?7;1$y\x1B[?25;1$y"},
      {"\x1B[?1002h\x1B[?1002$p\x1B[?1000$p", "\x1B[?1002;1$y\x1B[?1000;2$y"},
      {"\x1B[?31337$p", "\x1B[?31337;0$y"},
      {"\x1B[4$p\x1B[20h\x1B[20$p\x1B[99$p", "\x1B[4;2$y\x1B[20;1$y\x1B[99;0$y"},
      {"\x1B[>q", "\x1BP>|relay-broker\x1B\\"},
      {"\x1B[>0q", "\x1BP>|relay-broker\x1B\\"},
      {"\x1B]10;?\x1B\\", "\x1B]10;rgb:d4d4/d4d4/d4d4\x1B\\"},
      {"\x1B]11;?\a", "\x1B]11;rgb:1e1e/1e1e/1e1e\a"},
      {"\x1B]12;?\a", "\x1B]12;rgb:d4d4/d4d4/d4d4\a"},
      {"\x1B]10;?;?\a", "\x1B]10;rgb:d4d4/d4d4/d4d4\a\x1B]11;rgb:1e1e/1e1e/1e1e\a"},
      {"\x1B[?u", "\x1B[?0u"},
      {"\x1B[>5u\x1B[?u", "\x1B[?5u"},
      {"\x1B[14t", "\x1B[4;432;720t"},
      {"\x1B[16t", "\x1B[6;18;9t"},
      {"\x1B[18t", "\x1B[8;24;80t"},
      // One answer each, in order, each from the moment of its query.
      {"a\x1B[6nb\x1B[6n\x1B[c", "\x1B[1;2R\x1B[1;3R\x1B[?62;22c"},
  };
  for (const auto& [query, answer] : cases) {
    CAPTURE(query);
    CHECK(answers(query) == answer);
    CHECK(answers(query, 1) == answer);
    CHECK(answers(query, 3) == answer);
  }
}

TEST_CASE("nothing else is answered") {
  for (const std::string_view output : {
           "plain text",
           "\x1B[1c",
           "\x1B[?c",
           "\x1B[7n",
           "\x1B[?5n",
           "\x1B[>6n",
           "\x1B[21t",
           "\x1B[20t",
           "\x1B[11t",
           "\x1B[19t",
           "\x1B[8;9;9t",
           "\x1B[14;2t",
           "\x1B[q",
           "\x1B[2 q",
           "\x1B[u",
           "\x1B[>1u",
           "\x1B]10;red\a",
           "\x1B]13;?\a",
           "\x1B]4;1;?\a",
           "\x1B]52;c;?\a",
           "\x1B]0;?\a",
           "\x1B]1;?\a",
           "\x1B]10;rgb:1/2/3;x?\a",
           "\x1BP$qm\x1B\\",
           "\x1BP+q544e\x1B\\",
           "\x1B[6\x18n",
           "\x1B[>4$p",
           "\x1B[?1;2$p",
           "\x1B]10;?",
           "\x1B[6;1n",
       }) {
    CAPTURE(output);
    CHECK(answers(output) == "");
  }
}

TEST_CASE("the title is never sent back") {
  CHECK(answers("\x1B]2;\rrm -rf ~\r\a\x1B[21t\x1B[20t\x1B]2;?\a\x1B[?2$p") == "\x1B[?2;0$y");
}

TEST_CASE("while a real terminal is attached it answers, and we do not") {
  Screen screen(24, 80);
  QueryResponder responder;
  responder.set_real_terminal(true);
  CHECK(feed_and_answer(screen, responder, "\x1B[c\x1BZ\x1B[6n\x1B[").empty());
  responder.set_real_terminal(false);
  // Its end comes now; it has no answer yet.
  CHECK(feed_and_answer(screen, responder, "6n") == "\x1B[1;1R");
  CHECK(feed_and_answer(screen, responder, "x").empty());
}

TEST_CASE("facts are asked for only when an answer depends on them") {
  QueryResponder responder;
  int asked = 0;
  const auto facts = [&asked](std::size_t consumed) {
    ++asked;
    CHECK(consumed == 6);
    return TerminalFacts{};
  };
  CHECK_FALSE(responder.feed("text\x1B[c\x1B]11;?\a", facts).empty());
  CHECK(asked == 0);
  CHECK(responder.feed("ab\x1B[6n", facts) == "\x1B[1;1R");
  CHECK(asked == 1);
}

TEST_CASE("answers to a flood of queries are bounded") {
  std::string flood;
  for (int i = 0; i < 100000; ++i) flood += "\x1B[c";
  const auto all = answers(flood);
  CHECK(all.size() >= 4096);
  CHECK(all.size() < 4096 + 64);
}

TEST_CASE("whatever the output, an answer is made of our own bytes") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    auto output = test::RandomOutput(seed, false).next(100, 24, 80);
    const auto bytes = answers(output + "\x18\x1B[?u\x1B[6n");
    for (const char c : bytes) {
      CHECK((c == '\x1B' || c == '\a' || (c >= 0x20 && c < 0x7F)));
      CHECK(c != '\r');
    }
  }
}

}  // namespace relay::pty
