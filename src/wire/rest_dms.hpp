#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/dm: direct and group conversations.

/// POST /dm
struct DmPost {
  std::string to;
  std::string text;
  std::optional<std::vector<std::string>> attachments;
  std::optional<InjectionMode> mode;
};

struct DmMessage {
  std::string id;
  std::string agent_id;
  std::string agent_name;
  std::string text;
  InjectionMode injection_mode = InjectionMode::wait;
  Json attachments;
  std::optional<std::string> created_at;
};

/// Answer to POST /dm: the message, and flat once more for older clients.
struct DmSent {
  std::string conversation_id;
  DmMessage message;
  std::string created_at;
  std::string id;
  std::optional<std::string> from_agent_id;
  std::optional<std::string> to;
  std::string text;
  InjectionMode injection_mode = InjectionMode::wait;
  Json attachments;
  /// Ours alone: "offline" when it waits for an agent that does not run.
  std::optional<std::string> recipient_status;
};

struct DmParticipant {
  std::string agent_id;
  std::optional<std::string> agent_name;
};

/// One of GET /dm/conversations
struct DmConversation {
  std::string id;
  std::string type;  // 1:1 or group
  std::optional<std::string> name;
  std::vector<DmParticipant> participants;
  Json last_message;
  std::uint32_t unread_count = 0;
  std::optional<std::string> created_at;
};

/// One of GET /dm/conversations/all, as the owner of the workspace sees it.
struct DmConversationOverview {
  std::string id;
  std::string type;
  std::optional<std::string> name;
  std::vector<std::string> participants;
  Json last_message;
  std::optional<std::uint32_t> message_count;
  std::optional<std::string> created_at;
};

/// POST /dm/group
struct GroupCreate {
  std::vector<std::string> participants;
  std::optional<std::string> name;
};

struct GroupCreated {
  std::string id;
  std::string channel_id;
  std::string dm_type;
  std::optional<std::string> name;
  std::vector<DmParticipant> participants;
  std::string created_at;
};

/// POST /dm/{id}/messages
struct DmMessagePost {
  std::string text;
  std::optional<std::vector<std::string>> attachments;
  std::optional<InjectionMode> mode;
};

struct DmMessageSent {
  std::string conversation_id;
  DmMessage message;
  std::string created_at;
};

/// POST /dm/{id}/participants
struct ParticipantAdd {
  std::string agent_name;
};

struct ParticipantAdded {
  std::string conversation_id;
  std::string agent;
  bool already_member = false;
};

}  // namespace relay::wire
