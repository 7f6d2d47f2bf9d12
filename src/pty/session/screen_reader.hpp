#pragma once

#include "pty/injection/screen_text.hpp"
#include "pty/screen/screen_view.hpp"

namespace relay::pty {

/// What the injection cores see of a screen. Faint text stands in `rows` and is blank in `solid`;
/// hidden text is blank in both.
[[nodiscard]] ScreenText text_of(const ScreenView& view);

}  // namespace relay::pty
