// The corpus, and random output, on the screen of tmux: the same bytes, compared cell by cell.
#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <fstream>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"
#include "unit/pty/screen/random_output.hpp"
#include "unit/pty/screen/screen_cases.hpp"

namespace relay::pty {
namespace {

using namespace std::chrono_literals;
using relay::test::run_program;
using relay::test::TempDir;
using test::ScreenCase;

/// A tmux server of our own, which ends with the test.
class Tmux {
 public:
  explicit Tmux(const TempDir& dir) : environment_(dir.environment()) {
    environment_.set("LC_ALL", "C.UTF-8");
    environment_.set("TMUX_TMPDIR", dir.path().string());
    environment_.set("SHELL", "/bin/sh");
    std::ofstream(dir / "conf") << "set -g status off\nset -g history-limit 0\n"
                                   "set -g remain-on-exit on\nset -g exit-empty off\n";
    conf_ = (dir / "conf").string();
  }
  ~Tmux() { std::ignore = run({"kill-server"}); }
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  /// What the command printed; nothing when it failed or there is no tmux.
  std::optional<std::string> run(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{"tmux", "-u", "-L", "relay-broker-test", "-f", conf_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    try {
      auto result = run_program(os::Command(argv, environment_));
      if (!result.status.success()) return std::nullopt;
      return result.out;
    } catch (const std::runtime_error&) {
      return std::nullopt;
    }
  }

 private:
  os::Environment environment_;
  std::string conf_;
};

std::string output_of(const ScreenCase& one) {
  std::string bytes;
  for (const auto& step : one.steps) bytes += std::get<std::string>(step);
  return bytes;
}

/// Starts a session that prints the output and then says so in its title. CAN ends what the output
/// may have left open.
void start(const Tmux& tmux, const TempDir& dir, const ScreenCase& one, const std::string& name) {
  const auto file = (dir / name).string();
  std::ofstream(file, std::ios::binary) << output_of(one) << "\x18\x1B]2;shown\x1B\\";
  REQUIRE(
      tmux.run({"new-session", "-d", "-s", name, "-x", std::to_string(one.columns), "-y",
                std::to_string(one.rows), "stty raw -echo && cat " + file + " && exec sleep 60"}));
}

void wait_until_shown(const Tmux& tmux, std::size_t sessions) {
  const auto all_are_shown = [&] {
    const auto titles = tmux.run({"list-panes", "-a", "-F", "#{pane_title}"}).value_or("");
    std::size_t shown = 0;
    for (auto at = titles.find("shown"); at != std::string::npos;
         at = titles.find("shown", at + 1)) {
      ++shown;
    }
    return shown == sessions;
  };
  relay::test::wait_until(all_are_shown, "all is shown by tmux");
}

/// The pane as tmux tells it, painted on a screen of ours: plain rows with colours, and line
/// drawing between SO and SI.
ScreenView captured(const Tmux& tmux, const ScreenCase& one, const std::string& name) {
  const auto text = tmux.run({"capture-pane", "-p", "-e", "-N", "-t", name}).value_or("");
  Screen screen(one.rows, one.columns);
  screen.feed("\x1B)0\x1B[?7l");
  int row = 1;
  for (std::size_t at = 0; at < text.size(); ++row) {
    const auto end = std::min(text.find('\n', at), text.size());
    screen.feed("\x1B[" + std::to_string(row) + ";1H");
    screen.feed(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  return screen.view();
}

/// tmux prints the style of characters, not that of columns that were only erased.
Style comparable(const ScreenView& view, int row, int column) {
  return view.text(row, column) == " " ? Style{} : view.cell(row, column).style;
}

struct Difference {
  int cells = 0;
  std::string first;
};

Difference compare(const ScreenView& ours, const ScreenView& theirs) {
  Difference found;
  for (int row = 0; row < ours.rows; ++row) {
    for (int column = 0; column < ours.columns; ++column) {
      if (ours.text(row, column) == theirs.text(row, column) &&
          comparable(ours, row, column) == comparable(theirs, row, column)) {
        continue;
      }
      if (found.cells++ == 0) {
        found.first = "row " + std::to_string(row + 1) + " column " + std::to_string(column + 1) +
                      (ours.text(row, column) == theirs.text(row, column) ? " style" : "") +
                      " ours '" + ours.row_text(row) + "' tmux '" + theirs.row_text(row) + "'";
      }
    }
  }
  return found;
}

}  // namespace

TEST_CASE("tmux shows the same cells") {
  const TempDir dir;
  const Tmux tmux(dir);
  const auto version = tmux.run({"-V"});
  if (!version) {
    std::printf("skipped: there is no tmux to compare with\n");
    return;
  }
  std::vector<const ScreenCase*> cases;
  for (const auto& one : test::screen_cases()) {
    if (!one.resizes()) cases.push_back(&one);
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    start(tmux, dir, *cases[i], "c" + std::to_string(i));
  }
  wait_until_shown(tmux, cases.size());

  int cells = 0;
  int equal = 0;
  int explained = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const ScreenCase& one = *cases[i];
    const auto ours = test::play(one).view();
    const auto found = compare(ours, captured(tmux, one, "c" + std::to_string(i)));
    if (!one.tmux_differs.empty()) {
      explained += found.cells;
      if (found.cells > 0) {
        std::printf("differs by %d cells as expected (%s): %s\n", found.cells,
                    one.tmux_differs.c_str(), one.name.c_str());
      } else {
        std::printf("does not differ, although (%s): %s\n", one.tmux_differs.c_str(),
                    one.name.c_str());
      }
      continue;
    }
    cells += ours.rows * ours.columns;
    equal += ours.rows * ours.columns - found.cells;
    if (found.cells > 0) {
      std::printf("differs by %d cells: %s: %s\n", found.cells, one.name.c_str(),
                  found.first.c_str());
    }
  }
  std::printf("%zu cases, %d of %d cells equal, %d more differ as expected: %s", cases.size(),
              equal, cells, explained, version->c_str());
  CHECK(equal >= cells * 0.999);
}

TEST_CASE("tmux shows the same cells of random output") {
  const TempDir dir;
  const Tmux tmux(dir);
  if (!tmux.run({"-V"})) {
    std::printf("skipped: there is no tmux to compare with\n");
    return;
  }
  constexpr std::uint64_t kSessions = 60;
  std::vector<ScreenCase> cases(kSessions);
  for (std::uint64_t seed = 0; seed < kSessions; ++seed) {
    ScreenCase& one = cases[seed];
    one.rows = 24, one.columns = 80;
    one.steps.emplace_back(test::RandomOutput(seed, true).next(400, one.rows, one.columns));
    start(tmux, dir, one, "r" + std::to_string(seed));
  }
  wait_until_shown(tmux, cases.size());
  int cells = 0;
  int equal = 0;
  for (std::uint64_t seed = 0; seed < kSessions; ++seed) {
    const auto ours = test::play(cases[seed]).view();
    const auto found = compare(ours, captured(tmux, cases[seed], "r" + std::to_string(seed)));
    cells += ours.rows * ours.columns;
    equal += ours.rows * ours.columns - found.cells;
    if (found.cells > 0) {
      std::printf("differs by %d cells: seed %d: %s\n", found.cells, static_cast<int>(seed),
                  found.first.c_str());
    }
  }
  std::printf("random output: %d of %d cells equal\n", equal, cells);
  CHECK(equal >= cells * 0.999);
}

}  // namespace relay::pty
