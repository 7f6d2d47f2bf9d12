#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relay::wire {

/// The bytes of a text in base64 with its padding; nothing for any other text.
[[nodiscard]] std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace relay::wire
