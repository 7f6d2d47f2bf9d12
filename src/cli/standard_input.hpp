#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::cli {

/// All of standard input, whatever it is; `too_large` beyond `most` bytes. Blocks, so it is for the
/// time before a command has a loop: then Ctrl-C ends it at once. `what` for messages: "the task".
[[nodiscard]] Result<std::string> read_standard_input(std::size_t most, std::string_view what);

}  // namespace relay::cli
