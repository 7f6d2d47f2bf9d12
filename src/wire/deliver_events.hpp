#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "wire/json.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"

namespace relay::wire {

// What Deliver::payload tells an agent: {"type":…,"data":…}.

/// message.created
struct MessageCreated : Message {
  std::optional<std::string> from_name;
};

/// thread.reply
struct ThreadReplied : ThreadReply {
  std::optional<std::string> from_name;
};

/// dm.received
struct DmReceived : DmSent {
  std::optional<std::string> from_name;
};

/// group_dm.received
struct GroupDmReceived {
  std::string conversation_id;
  DmMessage message;
  std::string created_at;
  std::string id;
  std::optional<std::string> agent_id;
  std::string text;
  InjectionMode injection_mode = InjectionMode::wait;
  Json attachments;
  std::optional<std::string> from_name;
};

/// message.reacted
struct MessageReacted {
  std::string message_id;
  std::string agent_name;
  std::string emoji;
  std::string action;  // added or removed
};

/// message.read
struct MessageRead {
  std::string message_id;
  std::string agent_id;
  std::string read_at;
  std::optional<std::string> agent_name;
};

struct ActionOutcome {
  std::string invocation_id;
  std::string action_name;
  std::string status;
  Json output;
  std::optional<std::string> error;
};

/// action.completed
struct ActionCompleted : ActionOutcome {};

/// action.failed
struct ActionFailed : ActionOutcome {};

/// action.denied
struct ActionDenied {
  std::string action_name;
  std::optional<std::string> caller_name;
  std::optional<std::string> error;
};

/// delivery.accepted, delivery.delivered, delivery.deferred and delivery.failed
struct DeliveryNotice {
  std::string message_id;
  std::optional<std::string> delivery_id;
  std::optional<std::string> target_agent_name;
  std::optional<std::string> reason;
  std::optional<std::string> error;
  std::optional<bool> retryable;
  std::optional<std::string> available_at;
};
struct DeliveryAccepted : DeliveryNotice {};
struct DeliveryDelivered : DeliveryNotice {};
struct DeliveryDeferred : DeliveryNotice {};
struct DeliveryFailed : DeliveryNotice {};

/// A payload of a type that we do not know, or of none (type is then empty), as it came.
struct UnknownEvent {
  std::string type;
  Json data;
};

using DeliverEvent =
    std::variant<MessageCreated, ThreadReplied, DmReceived, GroupDmReceived, MessageReacted,
                 MessageRead, ActionCompleted, ActionFailed, ActionDenied, DeliveryAccepted,
                 DeliveryDelivered, DeliveryDeferred, DeliveryFailed, UnknownEvent>;

/// The payload of a Deliver.
[[nodiscard]] Json encode_payload(const DeliverEvent& event);

/// Code::protocol_error with the path of the field. For those who need all of it; for a few fields
/// of any payload a JsonView is both cheaper and more lenient.
[[nodiscard]] Result<DeliverEvent> decode_payload(const Json& payload);

}  // namespace relay::wire
