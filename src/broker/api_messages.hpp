// Internal to broker/: sending, for the conversations of the local API that send as well.
#pragma once

#include "base/json_writer.hpp"
#include "broker/api.hpp"
#include "broker/operations.hpp"
#include "wire/json.hpp"

namespace relay::broker {

/// What POST /api/send takes.
[[nodiscard]] Result<SendRequest> send_request(wire::JsonView body,
                                               const WorkspaceFacts& workspace);
/// The members of its answer.
void write_sent(JsonWriter& out, const SentMessage& sent, const WorkspaceFacts& workspace);

}  // namespace relay::broker
