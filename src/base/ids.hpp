#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace relay {

/// `prefix` and then `bytes` random bytes in lower-case hex: `random_hex("br_", 16, random)`.
[[nodiscard]] std::string random_hex(std::string_view prefix, std::size_t bytes, Random& random);

/// Whether that may have made `id`.
[[nodiscard]] bool is_random_hex(std::string_view id, std::string_view prefix, std::size_t bytes);

/// A version 4 UUID, lower case: "xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx".
[[nodiscard]] std::string uuid_v4(Random& random);

/// Eight hex digits that stand for `text`, the same on every machine and in every release: they are
/// part of instance names. Tells apart the few directories of one user; no protection against
/// someone who looks for a collision.
[[nodiscard]] std::string short_hash(std::string_view text);

}  // namespace relay
