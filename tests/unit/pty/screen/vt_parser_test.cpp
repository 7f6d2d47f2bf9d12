#include "pty/screen/vt_parser.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>

#include "pty/screen/cluster_table.hpp"

namespace relay::pty {
namespace {

/// Writes down what the parser understood; runs of ASCII are joined.
class Notes final : public VtHandler {
 public:
  void on_ascii(std::string_view run) override { text += run; }
  void on_glyph(char32_t point) override { append_utf8(text, point); }
  void on_control(char control) override { text += fmt::format("<{:02x}>", control); }
  void on_escape(char intermediate, char final) override {
    text += "<esc ";
    if (intermediate != 0) text += intermediate;
    text += fmt::format("{}>", final);
  }
  void on_csi(const CsiSequence& sequence) override {
    text += "<csi";
    if (sequence.prefix != 0) text += sequence.prefix;
    for (std::size_t i = 0; i < sequence.count; ++i) {
      text += sequence.is_sub(i) ? ":" : " ";
      text += sequence.values[i] == -1 ? "-" : std::to_string(sequence.values[i]);
    }
    text += ' ';
    if (sequence.intermediate != 0) text += sequence.intermediate;
    text += fmt::format("{}>", sequence.final);
  }
  void on_osc(std::string_view body, bool bel) override {
    text += fmt::format("<osc {} {}>", body.size() > 40 ? std::to_string(body.size()) : body,
                        bel ? "bel" : "st");
  }

  std::string text;
};

std::string parsed(std::string_view bytes, std::size_t piece = SIZE_MAX) {
  VtParser parser;
  Notes notes;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    parser.feed(bytes.substr(0, piece), notes);
  }
  return notes.text;
}

std::uint64_t unfinished(std::string_view bytes, std::size_t piece) {
  VtParser parser;
  Notes notes;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    parser.feed(bytes.substr(0, piece), notes);
  }
  return parser.unfinished();
}

}  // namespace

TEST_CASE("output is taken apart, however it is cut") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"abc", "abc"},
      {"a\r\nb", "a<0d><0a>b"},
      {"\x1B[1;31mx", "<csi 1 31 m>x"},
      {"\x1B[mx\x1B[;5H", "<csi m>x<csi - 5 H>"},
      {"\x1B[?2004h", "<csi? 2004 h>"},
      {"\x1B[>c\x1B[=c\x1B[<u", "<csi> c><csi= c><csi< u>"},
      {"\x1B[38:2::1:2:3m", "<csi 38:2:-:1:2:3 m>"},
      {"\x1B[?2026$p\x1B[5 q", "<csi? 2026 $p><csi 5  q>"},
      {"\x1B[999999999999999999999C", "<csi 65535 C>"},
      {"\x1B[2\rC", "<0d><csi 2 C>"},
      {"\x1B[2\x18"
       "C",
       "C"},
      {"\x1B[2\x1B[3C", "<csi 3 C>"},
      {"\x1B[1?2h\x1B[1$2h\x1B[!!p", ""},
      {"\x1B(0\x1B#8\x1B"
       "7\x1B"
       "c",
       "<esc (0><esc #8><esc 7><esc c>"},
      {"\x1B((0", ""},
      {"\x1B\x1B[A", "<csi A>"},
      {"\x1B[3\xC3\xA4", "ä"},
      {"\x1B]0;t\xC3\xA4\ab", "<osc 0;tä bel>b"},
      {"\x1B]11;?\x1B\\b", "<osc 11;? st>b"},
      {"\x1B]0;no\x1B[Ab", "<csi A>b"},
      {"\x1B]0;no\x1A"
       "b",
       "b"},
      {"\x1BPq#0;2\x07;0\x1B\\b", "b"},
      {"\x1BXsos\x1B\\\x1B^pm\x1B\\\x1B_apc\x1B\\b", "b"},
      {"\x1BPno\x1B[Ab", "<csi A>b"},
      {"\xE6\xBC\xA2\xF0\x9F\x98\x80", "漢😀"},
      {"a\xFF"
       "b\xC0\xAF",
       "a�b��"},
      {"\xE6\xBC"
       "A\xE6\x1B[A",
       "�A�<csi A>"},
      {"\xED\xA0\x80\xF4\x90\x80\x80", "�������"},
      {"\xF0\x9F\xE6\xBC\xA2", "�漢"},
      {"a\xC2\x9B"
       "31m\x7F",
       "a31m"},
  };
  for (const auto& [bytes, expected] : cases) {
    CAPTURE(expected);
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
      CHECK(parsed(bytes, piece) == expected);
    }
  }
}

TEST_CASE("parameters beyond the 32nd are left out") {
  std::string bytes = "\x1B[1";
  for (int i = 2; i <= 40; ++i) bytes += ";" + std::to_string(i);
  const auto text = parsed(bytes + "m");
  CHECK(text.ends_with(" 31 32 m>"));
}

TEST_CASE("an OSC of 4096 bytes is the longest") {
  CHECK(parsed("\x1B]" + std::string(4096, 'x') + "\ab") == "<osc 4096 bel>b");
  CHECK(parsed("\x1B]" + std::string(4097, 'x') + "\ab") == "b");
  CHECK(parsed("\x1B]" + std::string(4097, 'x') + "\x1B\\b\x1B]1\ac") == "b<osc 1 bel>c");
}

TEST_CASE("the parser knows how much of its input is unfinished") {
  const std::pair<std::string_view, std::uint64_t> cases[] = {
      {"abc", 0},        {"abc\xE6\xBC", 2}, {"a\x1B", 1},         {"a\x1B[3", 3},
      {"a\x1B]0;ti", 6}, {"\x1BPabc", 5},    {"\xE6\xE6", 1},      {"\x1B[3\x18", 0},
      {"\xE6\x1B[", 2},  {"ab\x1B[m", 0},    {"x\x1B]0;a\x1B", 6}, {"\x1B[31\xE6", 1},
  };
  for (const auto& [bytes, expected] : cases) {
    CAPTURE(bytes);
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{2}}) {
      CHECK(unfinished(bytes, piece) == expected);
    }
  }
}

}  // namespace relay::pty
