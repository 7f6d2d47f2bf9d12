// Internal to broker/: what routes and streams of terminals have in common.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace relay::broker {

/// The peer's words for what keeps keys or a picture of a terminal from coming about.
struct TerminalRefusal {
  int status;
  std::string_view code;
};
[[nodiscard]] TerminalRefusal terminal_refusal(Code code);

}  // namespace relay::broker
