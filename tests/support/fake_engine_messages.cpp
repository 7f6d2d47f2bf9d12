#include <algorithm>

#include "support/fake_engine_rest.hpp"
#include "wire/rest_channels.hpp"
#include "wire/rest_deliveries.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"

// The fake engine's REST handlers for channels, messages and deliveries.
namespace relay::test {
namespace {

template <class Entry>
Entry entry_of(const FakeChannel& channel) {
  Entry entry;
  entry.id = channel.id;
  entry.name = channel.name;
  entry.topic = channel.topic;
  entry.created_at = kFakeTime;
  entry.member_count = static_cast<std::uint32_t>(channel.members.size());
  return entry;
}

}  // namespace

FakeChannel& FakeState::channel_of(const Call& call) {
  FakeChannel* channel = find_channel(call.workspace->id, call.parameter(0));
  if (channel == nullptr) throw FakeRefusal{404, "channel_not_found"};
  return *channel;
}

net::HttpResponse FakeState::create_channel(Call& call) {
  const auto body = fake_body<wire::ChannelCreate>(call.request);
  if (find_channel(call.workspace->id, body.name) != nullptr) {
    throw FakeRefusal{409, "channel_already_exists"};
  }
  FakeChannel& channel = channel_named(call.workspace->id, body.name);
  channel.topic = body.topic.value_or("");
  if (call.agent != nullptr) channel.members.insert(call.agent->name);
  return fake_answer(201, entry_of<wire::Channel>(channel));
}

net::HttpResponse FakeState::list_channels(Call& call) {
  std::vector<wire::Channel> data;
  for (const FakeChannel& channel : channels) {
    if (channel.workspace == call.workspace->id) data.push_back(entry_of<wire::Channel>(channel));
  }
  return fake_answer(200, data);
}

net::HttpResponse FakeState::show_channel(Call& call) {
  const FakeChannel& channel = channel_of(call);
  auto data = entry_of<wire::ChannelDetail>(channel);
  for (const std::string& name : channel.members) {
    const FakeAgent* agent = find_agent(channel.workspace, name);
    if (agent == nullptr) continue;
    wire::ChannelMember member;
    member.agent_id = agent->id;
    member.agent_name = name;
    member.role = "member";
    data.members.push_back(std::move(member));
  }
  return fake_answer(200, data);
}

net::HttpResponse FakeState::join_channel(Call& call) {
  FakeChannel& channel = channel_of(call);
  wire::ChannelJoined data;
  data.channel = channel.name;
  data.agent_id = call.agent->id;
  data.already_member = !channel.members.insert(call.agent->name).second;
  return fake_answer(200, data);
}

net::HttpResponse FakeState::leave_channel(Call& call) {
  channel_of(call).members.erase(call.agent->name);
  return net::HttpResponse(204);
}

net::HttpResponse FakeState::post_message(Call& call) {
  const auto body = fake_body<wire::MessagePost>(call.request);
  FakeChannel& channel = channel_of(call);
  wire::Message data;
  data.injection_mode = body.mode.value_or(wire::InjectionMode::wait);
  data.id = post(*call.agent, channel, body.text, data.injection_mode);
  data.channel_id = channel.id;
  data.agent_id = call.agent->id;
  data.agent_name = call.agent->name;
  data.text = body.text;
  data.created_at = kFakeTime;
  return fake_answer(201, data);
}

net::HttpResponse FakeState::post_dm(Call& call) {
  const auto body = fake_body<wire::DmPost>(call.request);
  FakeAgent& to = body.to == "@self" ? *call.agent : agent_of(call, body.to);
  wire::DmSent data;
  data.injection_mode = body.mode.value_or(wire::InjectionMode::wait);
  data.id = dm(*call.agent, to, body.text, data.injection_mode);
  data.conversation_id = "dm_" + data.id;
  data.created_at = kFakeTime;
  data.from_agent_id = call.agent->id;
  data.to = to.name;
  data.text = body.text;
  data.message.id = data.id;
  data.message.agent_id = call.agent->id;
  data.message.agent_name = call.agent->name;
  data.message.text = body.text;
  return fake_answer(201, data);
}

net::HttpResponse FakeState::mark_read(Call& call) {
  auto& mailbox = call.agent->mailbox;
  const auto it = std::find_if(mailbox.begin(), mailbox.end(), [&](const wire::Deliver& each) {
    return each.msg_id == call.parameter(0);
  });
  if (it != mailbox.end()) mailbox.erase(it);
  wire::ReadReceipt data;
  data.message_id = call.parameter(0);
  data.agent_id = call.agent->id;
  data.read_at = kFakeTime;
  return fake_answer(200, data);
}

net::HttpResponse FakeState::list_deliveries(Call& call) {
  std::vector<wire::Delivery> data;
  for (const wire::Deliver& each : call.agent->mailbox) {
    wire::Delivery& delivery = data.emplace_back();
    delivery.id = each.delivery_id;
    delivery.message_id = each.msg_id;
    delivery.agent_id = each.agent_id;
    delivery.status = "queued";
    delivery.seq = each.seq;
    delivery.mode = "immediate";
    delivery.reason = "message";
    delivery.priority = "normal";
    delivery.created_at = kFakeTime;
  }
  return fake_answer(200, data);
}

}  // namespace relay::test
