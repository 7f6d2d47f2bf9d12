#pragma once

#include "cli/wrap_control.hpp"
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace relay::cli {

// What `wrap` itself says to the person in front of its program: each one line, without its end,
// before the program has the terminal or when it is given back.

/// Who the program is to others.
[[nodiscard]] std::string wrap_greeting(std::string_view name, std::string_view broker);
/// Why nobody can reach it.
[[nodiscard]] std::string wrap_without_keys(std::string_view program);
/// That messages could not come for a while; empty when they always could.
[[nodiscard]] std::string wrap_absence(std::string_view name, const Absence& absence);

/// Why the program is no agent, with how it runs all the same.
[[nodiscard]] Error wrap_not_joined(Error error);

}  // namespace relay::cli
