#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "wire/deliver_events.hpp"
#include "wire/json.hpp"

namespace relay::wire {

// What an engine sends on /v1/ws: flat objects with a type. `id` is a UUID made from the message
// id, `seq` the position in the workspace's log, where an engine has one.

struct StreamEvent {
  std::string type;
  std::optional<std::string> id;
  std::optional<std::uint64_t> seq;
};

/// message.created; thread.reply has a parent_id.
struct StreamMessage : StreamEvent {
  std::string channel;
  std::optional<std::string> parent_id;
  DmMessage message;
};

/// dm.received and group_dm.received
struct StreamDm : StreamEvent {
  std::string conversation_id;
  DmMessage message;
};

struct StreamReacted : StreamEvent {
  MessageReacted reaction;
};

struct StreamRead : StreamEvent {
  MessageRead read;
};

struct StreamAgent {
  std::string name;
};

/// agent.status.*
struct StreamAgentStatus : StreamEvent {
  StreamAgent agent;
  std::optional<std::string> status;
};

struct StreamChannelName {
  std::string name;
  std::optional<std::string> topic;
};

/// channel.*
struct StreamChannel : StreamEvent {
  StreamChannelName channel;
};

/// member.*
struct StreamMember : StreamEvent {
  std::string channel;
  std::string agent_name;
};

/// action.*
struct StreamAction : StreamEvent {
  std::optional<std::string> invocation_id;
  std::string action_name;
  std::optional<std::string> caller_name;
  std::optional<std::string> handler_agent_id;
  std::optional<Json> input;
  std::optional<std::string> status;
  std::optional<Json> output;
  std::optional<std::string> error;
};

/// delivery.*
struct StreamDelivery : StreamEvent {
  DeliveryNotice notice;
};

struct StreamWebhookMessage {
  std::string id;
  std::string text;
  std::optional<std::string> source;
  std::optional<std::string> author;
};

/// webhook.received
struct StreamWebhook : StreamEvent {
  std::string webhook_id;
  std::string channel;
  StreamWebhookMessage message;
};

/// resync_ack: the answer to a StreamResync.
struct StreamResyncAck : StreamEvent {
  std::uint64_t last_seen_seq = 0;
  std::uint64_t current_seq = 0;
  std::uint64_t replayed = 0;
  bool gap_detected = false;
};

/// pong, what agents say of themselves (harness.*), and every type that we do not know.
struct StreamOther : StreamEvent {
  std::optional<std::string> agent_name;
  std::optional<Json> payload;
};

using StreamMessageToClient =
    std::variant<StreamMessage, StreamDm, StreamReacted, StreamRead, StreamAgentStatus,
                 StreamChannel, StreamMember, StreamAction, StreamDelivery, StreamWebhook,
                 StreamResyncAck, StreamOther>;

[[nodiscard]] std::string encode(const StreamMessageToClient& event);
/// As an observer reads it. Code::invalid_json, Code::too_large or Code::protocol_error.
[[nodiscard]] Result<StreamMessageToClient> decode_stream_event(std::string_view text);

/// What a client says on /v1/ws: ping, subscribe, unsubscribe and resync, told apart by `type`.
struct StreamRequest {
  std::string type;
  std::optional<std::vector<std::string>> channels;
  std::optional<std::uint64_t> last_seen_seq;
  std::optional<std::string> since;
};

}  // namespace relay::wire
