#pragma once

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/secret.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// In lower-case hex: what the store knows of a token.
[[nodiscard]] std::string sha256_hex(std::string_view text);

enum class TokenKind { workspace, agent, node, observer, webhook };

/// A new one: `rk_live_`, `at_live_` … and random hex.
[[nodiscard]] Secret new_token(TokenKind kind, Random& random);

/// The name of the channel that two agents share: `dm-<24 hex>`, whoever is named first.
[[nodiscard]] std::string direct_channel_name(Id workspace, Id one, Id other);

}  // namespace relay::engine
