#include "pty/injection/input_box.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"

namespace relay::pty {
namespace {

constexpr std::size_t kTailBytes = 48;
constexpr std::string_view kNoBreakSpace = "\u00A0";
/// Shorter runs are part of a text.
constexpr int kLeastRule = 8;

std::string_view blank_trimmed(std::string_view text) {
  for (;;) {
    text = trim(text);
    if (text.starts_with(kNoBreakSpace)) {
      text.remove_prefix(kNoBreakSpace.size());
    } else if (text.ends_with(kNoBreakSpace)) {
      text.remove_suffix(kNoBreakSpace.size());
    } else {
      return text;
    }
  }
}

bool starts_with_any(std::string_view row, std::span<const std::string_view> signs) {
  return std::any_of(signs.begin(), signs.end(),
                     [row](std::string_view sign) { return row.starts_with(sign); });
}

bool is_rule(std::string_view row) {
  constexpr std::array<std::string_view, 6> kSigns{"─", "━", "═", "▔", "▁", "╌"};
  row = trim(row);
  for (int i = 0; i < kLeastRule; ++i) {
    if (!starts_with_any(row, kSigns)) return false;
    row.remove_prefix(kSigns[0].size());
  }
  return true;
}

bool is_top(std::string_view row) {
  constexpr std::array<std::string_view, 4> kSigns{"╭", "┌", "┏", "╔"};
  return starts_with_any(trim(row), kSigns);
}

bool is_bottom(std::string_view row) {
  constexpr std::array<std::string_view, 4> kSigns{"╰", "└", "┗", "╚"};
  return starts_with_any(trim(row), kSigns);
}

/// A row inside a frame, without its sides.
std::string_view inner(std::string_view row) {
  constexpr std::array<std::string_view, 3> kSides{"│", "┃", "║"};
  row = trim(row);
  for (const std::string_view side : kSides) {
    if (row.starts_with(side)) row.remove_prefix(side.size());
    if (row.ends_with(side)) row.remove_suffix(side.size());
  }
  return row;
}

/// What stands behind the prompt sign; nothing if the row does not begin with one.
std::optional<std::string_view> behind_prompt(const BoxRule& rule, std::string_view row) {
  row = blank_trimmed(row);
  std::optional<std::string_view> best;
  for (const std::string& prompt : rule.prompts) {
    const std::string_view sign = trim(prompt);
    if (!row.starts_with(sign)) continue;
    const std::string_view rest = row.substr(sign.size());
    const bool apart = rest.empty() || rest.front() == ' ' || rest.starts_with(kNoBreakSpace);
    if (apart && (!best || rest.size() < best->size())) best = rest;
  }
  return best;
}

struct Rows {
  std::size_t first = 0;
  std::size_t last = 0;  // included
  /// In characters; 0 for as long as the rows are.
  std::size_t width = 0;
};

std::optional<Rows> between(std::size_t top, std::size_t bottom, std::size_t most) {
  if (bottom <= top + 1 || bottom - top - 1 > most) return std::nullopt;
  return Rows{top + 1, bottom - 1};
}

std::optional<Rows> by_rules(const BoxRule& rule, const std::vector<std::string>& rows) {
  std::optional<std::size_t> bottom;
  for (std::size_t i = rows.size(); i-- > 0;) {
    if (!is_rule(rows[i])) continue;
    if (!bottom) {
      bottom = i;
      continue;
    }
    const auto found = between(i, *bottom, rule.most_rows);
    const bool prompted =
        found && (rule.prompts.empty() || behind_prompt(rule, rows[found->first]));
    return prompted ? found : std::nullopt;
  }
  return std::nullopt;
}

std::optional<Rows> by_frame(const BoxRule& rule, const std::vector<std::string>& rows) {
  std::optional<std::size_t> bottom;
  for (std::size_t i = rows.size(); i-- > 0;) {
    if (!bottom) {
      if (is_bottom(rows[i])) bottom = i;
    } else if (is_top(rows[i])) {
      const auto found = between(i, *bottom, rule.most_rows);
      const bool prompted =
          found && (rule.prompts.empty() || behind_prompt(rule, inner(rows[found->first])));
      return prompted ? found : std::nullopt;
    }
  }
  return std::nullopt;
}

Rows down_to_empty(const BoxRule& rule, const std::vector<std::string>& rows, std::size_t first) {
  std::size_t last = first;
  while (last + 1 < rows.size() && last + 1 - first < rule.most_rows &&
         !trim(rows[last + 1]).empty())
    ++last;
  return Rows{first, last};
}

std::optional<Rows> by_prompt(const BoxRule& rule, const std::vector<std::string>& rows) {
  for (std::size_t i = rows.size(); i-- > 0;) {
    if (behind_prompt(rule, rows[i])) return down_to_empty(rule, rows, i);
  }
  return std::nullopt;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

std::size_t characters_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// A row's first characters, the blanks before it not counted.
std::string_view first_of(std::string_view row, std::size_t characters) {
  row = trim(row);
  std::size_t end = 0;
  for (; end < row.size(); ++end) {
    if (starts_character(row[end]) && characters-- == 0) break;
  }
  return row.substr(0, end);
}

std::optional<Rows> by_bar(const BoxRule& rule, const std::vector<std::string>& rows) {
  constexpr std::array<std::string_view, 1> kFeet{"╹"};
  std::size_t foot = rows.size();
  while (foot > 0 && !starts_with_any(trim(rows[foot - 1]), kFeet)) --foot;
  if (foot == 0) return std::nullopt;
  const std::size_t end = foot - 1;
  std::size_t first = end;
  while (first > 0 && end - first <= rule.most_rows && behind_prompt(rule, rows[first - 1]))
    --first;
  if (end - first < 2) return std::nullopt;
  // Another column may stand beside the box, down to the same rows.
  return Rows{first, end - 2, characters_in(trim(rows[end]))};
}

/// The typed text may have wrapped: the prompt is looked for from the cursor's row upwards, through
/// rows that are not empty.
std::optional<Rows> by_cursor(const BoxRule& rule, const ScreenText& screen) {
  if (screen.cursor_row < 0) return std::nullopt;
  const auto cursor = static_cast<std::size_t>(screen.cursor_row);
  for (std::size_t up = 0; up < rule.most_rows && up <= cursor; ++up) {
    const std::size_t row = cursor - up;
    if (row >= screen.rows.size() || trim(screen.rows[row]).empty()) return std::nullopt;
    if (behind_prompt(rule, screen.rows[row])) return Rows{row, cursor};
  }
  return std::nullopt;
}

std::optional<Rows> rows_of(const BoxRule& rule, const ScreenText& screen) {
  switch (rule.shape) {
    case BoxShape::rules: return by_rules(rule, screen.rows);
    case BoxShape::frame: return by_frame(rule, screen.rows);
    case BoxShape::prompt: return by_prompt(rule, screen.rows);
    case BoxShape::bar: return by_bar(rule, screen.rows);
    case BoxShape::cursor: return by_cursor(rule, screen);
  }
  return std::nullopt;
}

std::string content_of(const BoxRule& rule, const std::vector<std::string>& rows, Rows at) {
  std::string content;
  for (std::size_t i = at.first; i <= at.last && i < rows.size(); ++i) {
    std::string_view row = rows[i];
    if (rule.shape == BoxShape::frame) row = inner(row);
    if (at.width > 0) row = first_of(row, at.width);
    if (i == at.first || rule.shape == BoxShape::bar) row = behind_prompt(rule, row).value_or(row);
    if (i != at.first) content += '\n';
    content += blank_trimmed(row);
  }
  return std::string(blank_trimmed(content));
}

/// All from there to the end of the screen.
std::string reach_of(const std::vector<std::string>& rows, std::size_t first) {
  std::string reach;
  for (std::size_t i = first; i < rows.size(); ++i) reach += squeezed(rows[i]);
  return reach;
}

/// "1. Yes": a list to choose from, not a draft. A draft that begins so is left to the human.
bool reads_like_menu(std::string_view content) {
  return content.size() > 2 && content[0] >= '1' && content[0] <= '9' &&
         (content[1] == '.' || content[1] == ')') && content[2] == ' ';
}

}  // namespace

std::optional<InputBox> find_box(const BoxRule& rule, const ScreenText& screen) {
  const auto rows = rows_of(rule, screen);
  if (!rows) return std::nullopt;
  InputBox box;
  box.content = content_of(rule, screen.rows, *rows);
  const bool hint = any_matches(rule.hints, box.content);
  // A hint is faint, but the cursor may stand on its first character and make that one solid.
  const bool ghost = !screen.solid.empty() && !box.content.empty() &&
                     content_of(rule, screen.solid, *rows).size() <= 1 && box.content.size() > 1;
  if (hint || ghost) box.content.clear();
  box.reach = squeezed(box.content);
  if (rule.shape == BoxShape::prompt) box.reach = reach_of(screen.rows, rows->first);
  for (const TextPattern& pattern : rule.placeholders) box.pastes += pattern.count(box.reach);
  box.menu = reads_like_menu(box.content);
  return box;
}

std::string squeezed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.starts_with(kNoBreakSpace)) {
      text.remove_prefix(kNoBreakSpace.size());
      continue;
    }
    const char c = text.front();
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') out += c;
    text.remove_prefix(1);
  }
  return out;
}

std::string tail_of(std::string_view text) {
  std::size_t from = text.size();
  std::string out;
  // White space does not count, so a little more text than that is looked at.
  while (from > 0 && out.size() < kTailBytes) {
    from = from > kTailBytes ? from - kTailBytes : 0;
    out = squeezed(text.substr(from));
  }
  std::size_t cut = out.size() > kTailBytes ? out.size() - kTailBytes : 0;
  while (cut < out.size() && !starts_character(out[cut])) ++cut;
  return out.substr(cut);
}

bool shows(const InputBox& box, std::string_view tail) {
  if (box.pastes > 0) return true;
  return !tail.empty() && box.reach.find(tail) != std::string::npos;
}

}  // namespace relay::pty
