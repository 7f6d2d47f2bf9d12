#pragma once

#include <string>

#include "pty/screen/screen_view.hpp"

namespace relay::pty {

/// The rows without trailing blanks, each with a line feed. Whatever the program did, there is no
/// control character in it.
[[nodiscard]] std::string plain_snapshot(const ScreenView& view);

/// Output that paints the view on a terminal of the same size, whatever that showed before, and
/// leaves cursor, pen, region, character sets and modes so that the program's output can go on at
/// `view.offset`. Not restored: the main screen behind the alternate one, tab stops, the saved
/// cursor, title, kitty keyboard flags, a wrap that is pending behind a skin tone on its own, and
/// that an update is under way (?2026), which would freeze the viewer.
[[nodiscard]] std::string ansi_snapshot(const ScreenView& view);

/// A picture of the view: a grid of a monospace font in fixed colours, the cursor as a block. Same
/// view, same bytes. Text is escaped; there are no scripts, links or outside references in it.
[[nodiscard]] std::string svg_snapshot(const ScreenView& view);

}  // namespace relay::pty
