#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::cli {

/// All of standard input, whatever it is; `too_large` beyond `most` bytes. Blocks, so it is for the
/// time before a command has a loop: then Ctrl-C ends it at once. `what` for messages: "the task".
[[nodiscard]] Result<std::string> read_standard_input(std::size_t most, std::string_view what);

/// An agent's first message, as --task gives it: the text itself, `@file`, or `-`, which is
/// standard input, as above. One that turns out to be empty is wrong usage.
[[nodiscard]] Result<std::string> read_task(const std::string& given);

}  // namespace relay::cli
