#pragma once

#include "engine/happenings.hpp"
#include "engine/store/store.hpp"

namespace relay::engine {

/// Puts what the subscriptions of the workspace want of this into the outbox, in the operation that
/// has caused it. Whether there was anything.
[[nodiscard]] Result<bool> queue_for_subscribers(Store& store, const Happenings& happened);

/// Of a body, as the header X-Relay-Signature says it: "sha256=<hex>".
[[nodiscard]] std::string signature_of(const std::string& secret, const std::string& body);

}  // namespace relay::engine
