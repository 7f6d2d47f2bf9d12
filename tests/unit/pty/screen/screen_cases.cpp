#include "unit/pty/screen/screen_cases.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "pty/screen/cluster_table.hpp"

namespace relay::pty::test {
namespace {

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = text.at(++i);
    const auto number = [&](std::size_t digits) {
      const bool braced = text.at(i + 1) == '{';
      const std::size_t from = braced ? i + 2 : i + 1;
      const std::size_t length = braced ? text.find('}', from) - from : digits;
      i = from + length - (braced ? 0 : 1);
      return static_cast<char32_t>(std::stoul(text.substr(from, length), nullptr, 16));
    };
    switch (kind) {
      case 'e': out += '\x1B'; break;
      case 'r': out += '\r'; break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'b': out += '\b'; break;
      case 'a': out += '\a'; break;
      case '\\': out += '\\'; break;
      case 'x': out += static_cast<char>(number(2)); break;
      case 'u': append_utf8(out, number(4)); break;
      default: throw std::runtime_error("unknown escape in " + text);
    }
  }
  return out;
}

std::pair<int, int> two_numbers(const std::string& text, char between) {
  const auto at = text.find(between);
  return {std::stoi(text.substr(0, at)), std::stoi(text.substr(at + 1))};
}

void read_line(ScreenCase& one, const std::string& line) {
  const auto rest = [&line](std::size_t from) {
    return line.size() > from ? line.substr(from) : std::string();
  };
  if (line.starts_with("size ")) {
    std::tie(one.rows, one.columns) = two_numbers(rest(5), 'x');
  } else if (line.starts_with("resize ")) {
    const auto [rows, columns] = two_numbers(rest(7), 'x');
    one.steps.emplace_back(Resize{rows, columns});
  } else if (line.starts_with("<")) {
    one.steps.emplace_back(unescaped(rest(2)));
  } else if (line.starts_with(">")) {
    one.expected.push_back(unescaped(rest(2)));
  } else if (line.starts_with("@ ")) {
    one.cursor = two_numbers(rest(2), ',');
  } else if (line.starts_with("tmux: ")) {
    one.tmux_differs = rest(6);
  } else {
    throw std::runtime_error("screen_cases.txt: what is " + line);
  }
}

std::vector<ScreenCase> read_cases() {
  std::ifstream in(RELAY_BROKER_SCREEN_CASES);
  if (!in) throw std::runtime_error("cannot read " RELAY_BROKER_SCREEN_CASES);
  std::vector<ScreenCase> cases;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("== ")) {
      cases.emplace_back().name = line.substr(3);
    } else if (!line.empty() && line[0] != '#') {
      read_line(cases.at(cases.size() - 1), line);
    }
  }
  for (ScreenCase& one : cases) {
    int rows = one.rows;
    for (const auto& step : one.steps) {
      if (const auto* size = std::get_if<Resize>(&step)) rows = size->rows;
    }
    one.expected.resize(static_cast<std::size_t>(rows));
  }
  return cases;
}

}  // namespace

bool ScreenCase::resizes() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const auto& step) { return std::holds_alternative<Resize>(step); });
}

const std::vector<ScreenCase>& screen_cases() {
  static const std::vector<ScreenCase> cases = read_cases();
  return cases;
}

Screen play(const ScreenCase& one, std::size_t piece) {
  Screen screen(one.rows, one.columns);
  for (const auto& step : one.steps) {
    if (const auto* size = std::get_if<Resize>(&step)) {
      screen.resize(size->rows, size->columns);
      continue;
    }
    std::string_view bytes = std::get<std::string>(step);
    while (!bytes.empty()) {
      screen.feed(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  }
  return screen;
}

Screen screen_of(std::string_view output, int rows, int columns) {
  Screen screen(rows, columns);
  screen.feed(output);
  return screen;
}

}  // namespace relay::pty::test
