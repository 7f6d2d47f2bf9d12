// How fast a screen takes output and gives snapshots: `bench-screen [--json] [--quick]`. Beside it,
// on the same bytes, libvterm when it was there at build time, and the parser alone as the limit.
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "bench/report.hpp"
#include "pty/screen/query_responder.hpp"
#include "pty/screen/screen.hpp"
#include "pty/screen/snapshot.hpp"
#ifdef BENCH_LIBVTERM
#include <vterm.h>
#endif

namespace {

using namespace relay::pty;

constexpr int kRows = 40;
constexpr int kColumns = 120;
constexpr std::size_t kBytes = std::size_t{16} << 20U;
/// What one read of a PTY gives at most.
constexpr std::size_t kPiece = 4096;
constexpr int kRounds = 5;
constexpr int kRoundsInShort = 2;

/// Output of a program that writes lines and nothing else.
std::string plain_output() {
  std::string text;
  for (int i = 0; text.size() < kBytes; ++i) {
    text += fmt::format("{:06} compiling src/module_{}.cpp with -O2 -g, as the log of a build\r\n",
                        i, i);
  }
  return text;
}

std::string coloured_output() {
  std::string text;
  for (int i = 0; text.size() < kBytes; ++i) {
    text += fmt::format(
        "\x1B[32m[{:05}]\x1B[0m \x1B[1;34minfo\x1B[0m compiling \x1B[38;5;{}msrc/module_{}.cpp"
        "\x1B[0m with \x1B[38;2;10;200;30m-O2\x1B[m done\r\n",
        i % 100000, i % 256, i);
  }
  return text;
}

/// Pictures of a full-screen program: a box with rows that are drawn anew by position.
std::string cursor_output() {
  std::string text;
  for (int i = 0; text.size() < kBytes; ++i) {
    text += "\x1B[?2026h\x1B[H";
    for (int row = 2; row < kRows; ++row) {
      text += fmt::format("\x1B[{};1H│\x1B[{};{}H\x1B[3{}mstep {}\x1B[39m\x1B[K\x1B[{};{}H│", row,
                          row, 3 + (i + row) % 60, (i + row) % 8, i, row, kColumns);
    }
    text += "\x1B[?2026l";
  }
  return text;
}

/// Wide characters and marks, which no fast path takes.
std::string wide_output() {
  std::string text;
  while (text.size() < kBytes) text += "終端エミュレータの速さを測る e\xCC\x81 😀 ──╮\r\n";
  return text;
}

/// Of the processor.
double seconds_of(const auto& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void in_pieces(std::string_view output, const auto& feed) {
  for (; !output.empty(); output.remove_prefix(std::min(kPiece, output.size()))) {
    feed(output.substr(0, kPiece));
  }
}

class Nothing final : public VtHandler {
 public:
  void on_ascii(std::string_view run) override { calls += run.size(); }
  void on_glyph(char32_t) override { ++calls; }
  void on_control(char) override { ++calls; }
  void on_escape(char, char) override { ++calls; }
  void on_csi(const CsiSequence&) override { ++calls; }
  void on_osc(std::string_view, bool) override { ++calls; }
  std::size_t calls = 0;
};

double parser_seconds(std::string_view output) {
  return seconds_of([output] {
    VtParser parser;
    Nothing nothing;
    in_pieces(output, [&](std::string_view piece) { parser.feed(piece, nothing); });
    if (nothing.calls == 0) std::exit(1);
  });
}

double screen_seconds(std::string_view output) {
  return seconds_of([output] {
    Screen screen(kRows, kColumns);
    in_pieces(output, [&](std::string_view piece) { screen.feed(piece); });
    if (screen.offset() != output.size()) std::exit(1);
  });
}

double answering_seconds(std::string_view output) {
  return seconds_of([output] {
    Screen screen(kRows, kColumns);
    QueryResponder responder;
    std::size_t replies = 0;
    in_pieces(output, [&](std::string_view piece) {
      replies += feed_and_answer(screen, responder, piece).size();
    });
    if (replies != 0) std::exit(1);
  });
}

#ifdef BENCH_LIBVTERM
double libvterm_seconds(std::string_view output) {
  return seconds_of([output] {
    VTerm* terminal = vterm_new(kRows, kColumns);
    vterm_set_utf8(terminal, 1);
    VTermScreen* screen = vterm_obtain_screen(terminal);
    vterm_screen_enable_altscreen(screen, 1);
    vterm_screen_set_damage_merge(screen, VTERM_DAMAGE_SCROLL);
    vterm_screen_reset(screen, 1);
    in_pieces(output, [&](std::string_view piece) {
      vterm_input_write(terminal, piece.data(), piece.size());
    });
    vterm_free(terminal);
  });
}
#endif

}  // namespace

int main(int argc, char** argv) {
  using namespace relay::bench;
  bool json = false;
  int rounds = kRounds;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") json = true;
    if (std::string_view(argv[i]) == "--quick") rounds = kRoundsInShort;
  }
  const Report report("screen", json);
  const std::pair<const char*, std::string> outputs[] = {{"plain lines", plain_output()},
                                                         {"coloured lines", coloured_output()},
                                                         {"cursor and pictures", cursor_output()},
                                                         {"wide characters", wide_output()}};
  for (const auto& [name, output] : outputs) {
    const auto rate = [&](double seconds) {
      return static_cast<double>(output.size()) / seconds / 1e6;
    };
    Question question(fmt::format("{}: into a screen that answers queries", name), more("MB/s"));
    in_turns(rounds, {
                         [&] { question.add(kOurs, rate(answering_seconds(output))); },
                         [&] { question.add("the screen alone", rate(screen_seconds(output))); },
                         [&] { question.add("the parser alone", rate(parser_seconds(output))); },
#ifdef BENCH_LIBVTERM
                         [&] { question.add("libvterm", rate(libvterm_seconds(output))); },
#endif
                     });
#ifndef BENCH_LIBVTERM
    question.skip("libvterm", "not there when this was built (apt-get install libvterm-dev)");
#endif
    report.print(question);
  }
  Screen screen(kRows, kColumns);
  screen.feed(outputs[1].second);
  screen.feed(std::string_view(outputs[2].second).substr(0, 20000));
  constexpr int kTimes = 200;
  std::size_t bytes = 0;
  const auto micros = [&](const char* what, const auto& make) {
    Question question(fmt::format("snapshot of 40x120: {}", what), less("us"));
    for (int round = 0; round < rounds; ++round) {
      const double seconds = seconds_of([&] {
        for (int i = 0; i < kTimes; ++i) bytes += make();
      });
      question.add(kOurs, seconds / kTimes * 1e6);
    }
    report.print(question);
  };
  const auto view = screen.view();
  micros("view", [&] { return screen.view().cells.size(); });
  micros("plain text of a view", [&] { return plain_snapshot(view).size(); });
  micros("ANSI of a view", [&] { return ansi_snapshot(view).size(); });
  micros("SVG of a view", [&] { return svg_snapshot(view).size(); });
  return bytes == 0 ? 1 : 0;
}
