#pragma once

#include <string_view>

namespace relay::wire {

/// What a channel may be called, without its `#`: a lower-case letter or digit, then those and
/// hyphens, at most 128 bytes.
[[nodiscard]] bool is_channel_name(std::string_view name);

}  // namespace relay::wire
