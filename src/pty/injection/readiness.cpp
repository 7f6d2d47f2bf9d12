#include "pty/injection/readiness.hpp"

#include <array>

#include "base/text.hpp"

namespace relay::pty {
namespace {

std::string choice_on(const ScreenText& screen) {
  constexpr std::array<std::string_view, 5> kPointers{"❯ ", "› ", "> ", "● ", "→ "};
  for (const std::string& row : screen.rows) {
    std::string_view text = trim(row);
    if (text.starts_with("│")) text = trim(text.substr(std::string_view("│").size()));
    for (const std::string_view pointer : kPointers) {
      if (text.starts_with(pointer)) return std::string(text);
    }
  }
  return {};
}

/// "❯ 1. Yes": whoever draws this wants a choice and no text.
bool is_menu(std::string_view choice) {
  const auto space = choice.find(' ');
  if (space == std::string_view::npos || choice.size() < space + 3) return false;
  const char digit = choice[space + 1];
  return digit >= '1' && digit <= '9' && choice[space + 2] == '.';
}

}  // namespace

std::string_view name_of(Readiness readiness) {
  switch (readiness) {
    case Readiness::booting: return "booting";
    case Readiness::ready: return "ready";
    case Readiness::busy: return "busy";
    case Readiness::blocked: return "blocked";
    case Readiness::exited: return "exited";
  }
  return "booting";
}

View look(const Profile& profile, const ScreenText& screen) {
  View view;
  view.bracketed_paste = screen.bracketed_paste;
  if (profile.reader == Reader::box) view.box = find_box(profile.box, screen);
  const bool in_box = view.box && !view.box->menu;
  for (std::size_t i = 0; i < profile.dialogs.size(); ++i) {
    const DialogRule& dialog = profile.dialogs[i];
    // A dialog takes the box's place. Its words in a conversation above a box are no dialog.
    if (in_box && !dialog.beside_box) continue;
    if (!all_on(dialog.shows, screen.rows) || any_on(dialog.unless, screen.rows)) continue;
    view.readiness = Readiness::blocked;
    view.dialog = i;
    view.dialog_name = dialog.name;
    view.choice = choice_on(screen);
    view.box.reset();
    return view;
  }
  if (profile.reader == Reader::plain) {
    view.readiness = Readiness::ready;
    return view;
  }
  if (!in_box) view.choice = choice_on(screen);
  if (!in_box && (view.box || is_menu(view.choice))) {
    view.box.reset();
    view.readiness = Readiness::blocked;
    view.dialog_name = "menu";
    return view;
  }
  view.turn = any_on(profile.turn_shows, screen.rows);
  view.hold = any_on(profile.hold_shows, screen.rows);
  const bool held =
      any_on(profile.ready_unless, screen.rows) || !all_on(profile.ready_shows, screen.rows);
  if (!view.box || held) return view;
  view.readiness = any_on(profile.busy_shows, screen.rows) ? Readiness::busy : Readiness::ready;
  return view;
}

bool on_screen(const ScreenText& screen, std::string_view tail) {
  if (tail.empty()) return false;
  std::string all;
  for (const std::string& row : screen.rows) all += squeezed(row);
  return all.find(tail) != std::string::npos;
}

}  // namespace relay::pty
