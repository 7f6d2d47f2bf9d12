#pragma once

#include <string>
#include <string_view>

namespace relay::engine {

/// What people type as a query of the index: every word in quotes, so that nothing in it is an
/// operator. Empty when there is no word.
[[nodiscard]] std::string match_of(std::string_view words);

}  // namespace relay::engine
