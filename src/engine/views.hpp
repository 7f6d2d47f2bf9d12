#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "engine/store/store.hpp"
#include "wire/deliver_events.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"
#include "wire/rest_nodes.hpp"

namespace relay::engine {

// What the store knows, as the wire says it. The same things are said over REST, to nodes and to
// watchers: a message that is sent twice must look the same both times, so all of it comes from
// what is stored, nothing from the clock.

/// "2026-01-01T00:00:00.000Z": whole seconds, as clients of the protocol expect them.
[[nodiscard]] std::string wire_time(Wall time);
[[nodiscard]] std::optional<std::string> wire_time(const std::optional<Wall>& time);
/// Of a text of that form, with or without a fraction or an offset.
[[nodiscard]] std::optional<Wall> parse_wire_time(std::string_view text);

/// The UUID by which SDK clients know a message again.
[[nodiscard]] std::string event_uuid(std::string_view message_id);

/// `dm_<24 hex>` for a conversation of two, the id of its channel for a group.
[[nodiscard]] std::string conversation_id(const Channel& channel);
/// Its id, or `dmch_<24 hex>` for a conversation of two.
[[nodiscard]] std::string channel_id(const Channel& channel);
/// `del_<message>_<agent>`
[[nodiscard]] std::string delivery_id(const Delivery& delivery);
/// Message and agent of such a name.
struct DeliveryName {
  Id message = 0;
  Id agent = 0;
};
[[nodiscard]] std::optional<DeliveryName> parse_delivery_id(std::string_view text);

/// active, idle, blocked, waiting or offline.
[[nodiscard]] std::string_view name_of(AgentStatus status);
/// `online` is active.
[[nodiscard]] std::optional<AgentStatus> agent_status_of(std::string_view name);

/// queued, delivered, acked, failed or dead_lettered.
[[nodiscard]] std::string_view name_of(DeliveryStatus status);
[[nodiscard]] std::optional<DeliveryStatus> delivery_status_of(std::string_view name);
/// message, mention, thread-reply or dm.
[[nodiscard]] std::string_view name_of(DeliveryReason reason);
/// immediate or next-tool-call.
[[nodiscard]] std::string_view mode_name(const Delivery& delivery);
[[nodiscard]] std::string_view name_of(NodeKind kind);
[[nodiscard]] std::string_view name_of(NodeRole role);
[[nodiscard]] std::string_view name_of(InvocationState state);
/// `inv_<id>`
[[nodiscard]] std::string invocation_id(const Invocation& invocation);

/// JSON that the store keeps: empty is null.
[[nodiscard]] wire::Json stored_json(const std::string& json);

[[nodiscard]] wire::Message message_view(const Message& message, const Channel& channel);
[[nodiscard]] wire::ThreadReply reply_view(const Message& message, const Channel& channel);
[[nodiscard]] wire::DmMessage dm_view(const Message& message);
/// The answer to who sent it, and in the deliver frame of who gets it.
[[nodiscard]] wire::DmSent dm_sent_view(const Message& message, const Channel& channel,
                                        const std::string& to);

/// The payload of its deliver frame for an agent of that name: the same whenever it is sent.
[[nodiscard]] wire::DeliverEvent deliver_event(const Message& message, const Channel& channel,
                                               const std::string& to);

/// A roster entry: online only when it is live. Secrets of its delivery are not in it.
[[nodiscard]] wire::Node node_view(const Node& node, Wall now);

}  // namespace relay::engine
