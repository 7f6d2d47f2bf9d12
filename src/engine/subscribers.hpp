#pragma once

#include "engine/happenings.hpp"
#include "engine/store/store.hpp"

namespace relay::engine {

/// What has come into the outbox.
struct QueuedOutbound {
  /// There was anything.
  bool any = false;
  /// Subscriptions that take no more now, since this one.
  std::vector<Id> full;
};

/// Puts what the subscriptions of the workspace want of this into the outbox, in the operation that
/// has caused it.
[[nodiscard]] Result<QueuedOutbound> queue_for_subscribers(Store& store,
                                                           const Happenings& happened);

/// For the log: nobody else is told that events of this subscription are dropped now.
[[nodiscard]] std::string full_outbox_note(Id subscription);

/// Of a body, as the header X-Relay-Signature says it: "sha256=<hex>".
[[nodiscard]] std::string signature_of(const std::string& secret, const std::string& body);

/// Whether a header is the sender's own business, and no subscription may set it: what it says
/// where the request ends or whom it is for.
[[nodiscard]] bool is_header_of_sender(std::string_view name);

}  // namespace relay::engine
