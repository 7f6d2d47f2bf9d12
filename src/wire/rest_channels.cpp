#include "wire/rest_channels.hpp"

#include "wire/common_fields.hpp"

namespace relay::wire {

template <class V, Of<ChannelCreate> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("topic", s.topic);
  v("metadata", s.metadata);
}

template <class V, Of<ChannelUpdate> S>
void fields(V& v, S& s) {
  v("topic", s.topic);
  v("metadata", s.metadata);
}

template <class V, Of<Channel> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v.nullable("topic", s.topic);
  v.defaulted("metadata", s.metadata);
  v("created_by", s.created_by);
  v("created_at", s.created_at);
  v.defaulted("member_count", s.member_count);
  v.defaulted("is_archived", s.is_archived);
}

template <class V, Of<ChannelMember> S>
void fields(V& v, S& s) {
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v.defaulted("role", s.role);
  v("joined_at", s.joined_at);
  v.defaulted("is_muted", s.is_muted);
}

template <class V, Of<ChannelDetail> S>
void fields(V& v, S& s) {
  fields_of<Channel>(v, s);
  v.defaulted("members", s.members);
}

template <class V, Of<ChannelJoined> S>
void fields(V& v, S& s) {
  v("channel", s.channel);
  v.id("agent_id", s.agent_id);
  v.defaulted("already_member", s.already_member);
}

template <class V, Of<ChannelInvite> S>
void fields(V& v, S& s) {
  v("agent_name", s.agent_name);
}

template <class V, Of<ChannelInvited> S>
void fields(V& v, S& s) {
  v("channel", s.channel);
  v("agent", s.agent);
}

template <class V, Of<ChannelMuted> S>
void fields(V& v, S& s) {
  v("channel", s.channel);
  v.id("agent_id", s.agent_id);
  v("muted", s.muted);
}

template <class V, Of<ChannelReadStatus> S>
void fields(V& v, S& s) {
  v("agent_name", s.agent_name);
  v.nullable("last_read_id", s.last_read_id);
  v.nullable("last_read_at", s.last_read_at);
}

RELAY_WIRE_BODY(ChannelCreate);
RELAY_WIRE_BODY(ChannelUpdate);
RELAY_WIRE_BODY(Channel);
RELAY_WIRE_BODY(ChannelMember);
RELAY_WIRE_BODY(ChannelDetail);
RELAY_WIRE_BODY(ChannelJoined);
RELAY_WIRE_BODY(ChannelInvite);
RELAY_WIRE_BODY(ChannelInvited);
RELAY_WIRE_BODY(ChannelMuted);
RELAY_WIRE_BODY(ChannelReadStatus);
RELAY_WIRE_BODY(std::vector<Channel>);
RELAY_WIRE_BODY(std::vector<ChannelMember>);
RELAY_WIRE_BODY(std::vector<ChannelReadStatus>);

}  // namespace relay::wire
