// Internal to pty/.
#pragma once

#include "pty/screen/screen_cell.hpp"
#include "pty/screen/vt_parser.hpp"

namespace relay::pty {

/// What `CSI … m` makes of a pen (SGR).
void apply_graphics(const CsiSequence& sequence, Style& pen);

}  // namespace relay::pty
