#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

enum class ChannelKind { channel, direct, group };

/// A place for messages: a channel with a name, or the messages of a conversation.
struct Channel {
  Id id = 0;
  Id workspace = 0;
  ChannelKind kind = ChannelKind::channel;
  /// Of a direct conversation `dm-<24 hex>`; of a group what people call it, may be empty.
  std::string name;
  std::optional<std::string> topic;
  std::string metadata;  // JSON
  Id created_by = 0;     // 0: the workspace itself
  bool archived = false;
  std::uint32_t member_count = 0;
};

struct NewChannel {
  Id workspace = 0;
  std::string name;
  std::optional<std::string> topic;
  std::string metadata = "{}";
  /// Becomes its owner; 0: nobody.
  Id created_by = 0;
};

struct Member {
  Id agent = 0;
  std::string agent_name;
  std::string role;  // owner or member
  Wall joined;
  Id last_read = 0;
  bool muted = false;
};

/// A channel that an agent is in.
struct Membership {
  Id channel = 0;
  std::string channel_name;
  std::string role;  // owner or member
  Wall joined;
};

class ChannelStore {
 public:
  virtual ~ChannelStore() = default;

  /// channel_already_exists, invalid_channel_name.
  virtual Result<Channel> create_channel(const NewChannel& channel) = 0;
  virtual Result<Channel> change_channel(Id id, const std::optional<std::string>& topic,
                                         const std::optional<std::string>& metadata) = 0;
  virtual Result<void> archive_channel(Id id) = 0;
  /// Whether it is new there.
  virtual Result<bool> join_channel(Id channel, Id agent) = 0;
  /// Whether it was there.
  virtual Result<bool> leave_channel(Id channel, Id agent) = 0;
  /// not_a_member.
  virtual Result<void> set_muted(Id channel, Id agent, bool muted) = 0;
  /// The one of these two, made if there is none. An agent can have one with itself.
  virtual Result<Channel> direct_conversation(Id workspace, Id one, Id other) = 0;
  virtual Result<Channel> create_group(Id workspace, Id creator, const std::vector<Id>& others,
                                       const std::string& name) = 0;

  [[nodiscard]] virtual Result<Channel> channel(Id id) const = 0;
  /// Channels only.
  [[nodiscard]] virtual Result<Channel> find_channel(Id workspace,
                                                     const std::string& name) const = 0;
  [[nodiscard]] virtual Result<Channel> find_conversation(Id workspace,
                                                          const std::string& id) const = 0;
  /// Channels only, by name.
  [[nodiscard]] virtual Result<std::vector<Channel>> channels(Id workspace,
                                                              bool with_archived) const = 0;
  /// Direct and group, those of the agent, or all with 0; youngest first.
  [[nodiscard]] virtual Result<std::vector<Channel>> conversations(Id workspace,
                                                                   Id agent) const = 0;
  [[nodiscard]] virtual Result<std::vector<Member>> members(Id channel) const = 0;
  /// Channels only, by name.
  [[nodiscard]] virtual Result<std::vector<Membership>> memberships(Id agent) const = 0;
  [[nodiscard]] virtual Result<bool> is_member(Id channel, Id agent) const = 0;
};

}  // namespace relay::engine
