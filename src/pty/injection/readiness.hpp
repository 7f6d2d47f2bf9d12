#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pty/injection/input_box.hpp"
#include "pty/injection/profile.hpp"
#include "pty/injection/screen_text.hpp"

namespace relay::pty {

enum class Readiness {
  booting,  // no box yet, or something says that it is not meant yet
  ready,    // the box is there
  busy,     // the box is there, and the program works
  blocked,  // a dialog or a menu is in the way
  exited,   // never read from a screen: the child's end says so
};

[[nodiscard]] std::string_view name_of(Readiness readiness);

/// What one look at the screen says. Nothing in it depends on earlier looks.
struct View {
  Readiness readiness = Readiness::booting;
  /// The dialog's place in the profile; nothing for an unknown menu.
  std::optional<std::size_t> dialog;
  /// Its name, "menu" for an unknown one; empty unless blocked.
  std::string dialog_name;
  /// The row of a dialog that its pointer stands at; empty if none is seen.
  std::string choice;
  std::optional<InputBox> box;
  /// A sign on the screen that a turn is going on.
  bool turn = false;
  /// What is entered now would overtake what the program keeps.
  bool hold = false;
  bool bracketed_paste = false;
};

/// Reads the screen by the profile. A
/// dialog goes before a box: what is typed then is an answer. A profile without a box is ready at
/// once.
[[nodiscard]] View look(const Profile& profile, const ScreenText& screen);

/// The text that ends in `tail` stands somewhere on the screen, outside of the box as well.
[[nodiscard]] bool on_screen(const ScreenText& screen, std::string_view tail);

}  // namespace relay::pty
