// Internal to pty/.
#pragma once

#include "pty/screen_cell.hpp"
#include "pty/vt_parser.hpp"

namespace relay::pty {

/// What `CSI … m` makes of a pen (SGR).
void apply_graphics(const CsiSequence& sequence, Style& pen);

}  // namespace relay::pty
