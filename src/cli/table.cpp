#include "cli/table.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "pty/screen/char_width.hpp"

namespace relay::cli {
namespace {

/// Characters, not bytes: names may be in any script.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    text.remove_prefix(first_code_point(text).length);
    ++width;
  }
  return width;
}

/// What of a line has room, in columns of a terminal.
std::string_view beginning_of(std::string_view line, std::size_t columns) {
  std::size_t used = 0;
  std::size_t at = 0;
  while (at < line.size()) {
    const CodePoint point = first_code_point(line.substr(at));
    used += static_cast<std::size_t>(pty::char_width(point.value));
    if (used > columns) break;
    at += point.length;
  }
  return line.substr(0, at);
}

}  // namespace

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string fit_window(std::string_view text, std::size_t rows, std::size_t columns) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::string_view> lines = split(text, '\n');
  std::string more;
  if (rows > 0 && lines.size() > rows) {
    more = fmt::format("… {} more lines", lines.size() - rows + 1);
    lines.resize(rows);
    lines.back() = more;
  }
  std::string out;
  for (const std::string_view line : lines) {
    out += beginning_of(line, columns);
    out += '\n';
  }
  out.pop_back();
  return out;
}

std::string age_text(std::int64_t seconds) {
  seconds = std::max<std::int64_t>(seconds, 0);
  if (seconds >= 86400) return fmt::format("{}d", seconds / 86400);
  if (seconds >= 3600) return fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", seconds);
}

}  // namespace relay::cli
