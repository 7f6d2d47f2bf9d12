#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/channels, without the messages.

/// POST /channels
struct ChannelCreate {
  std::string name;
  std::optional<std::string> topic;
  std::optional<Json> metadata;
};

/// PATCH /channels/{name} and /channels/{name}/topic
struct ChannelUpdate {
  std::optional<std::string> topic;
  std::optional<Json> metadata;
};

struct Channel {
  std::string id;
  std::string name;
  std::optional<std::string> topic;
  Json metadata;
  std::optional<std::string> created_by;
  std::optional<std::string> created_at;
  std::uint32_t member_count = 0;
  bool is_archived = false;
};

struct ChannelMember {
  std::string agent_id;
  std::string agent_name;
  std::string role;
  std::optional<std::string> joined_at;
  bool is_muted = false;
};

/// GET /channels/{name}
struct ChannelDetail : Channel {
  std::vector<ChannelMember> members;
};

/// POST .../join
struct ChannelJoined {
  std::string channel;
  std::string agent_id;
  bool already_member = false;
};

/// POST .../invite
struct ChannelInvite {
  std::string agent_name;
};

struct ChannelInvited {
  std::string channel;
  std::string agent;
};

/// POST .../mute and .../unmute
struct ChannelMuted {
  std::string channel;
  std::string agent_id;
  bool muted = false;
};

/// One of GET .../read-status
struct ChannelReadStatus {
  std::string agent_name;
  std::optional<std::string> last_read_id;
  std::optional<std::string> last_read_at;
};

}  // namespace relay::wire
