#pragma once

#include <string>

#include "base/error.hpp"
#include "net/http_client.hpp"

namespace relay::token_cache {

/// What an engine answered with a failing status, as an error: its own code and words when it gave
/// them (redacted, printable, at most 300 bytes), else what the status says.
[[nodiscard]] Error refusal_of(const net::HttpReply& reply, const net::Redact& redact);

/// The engine's own word for a refusal; empty when it gave none.
[[nodiscard]] std::string refusal_code(const net::HttpReply& reply);

/// For a reply that no engine sends. `cause` says what is wrong with it, without quoting it.
[[nodiscard]] Error nonsense(const net::HttpReply& reply, const Error& cause);

}  // namespace relay::token_cache
