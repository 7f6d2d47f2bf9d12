// One body of each REST type as it stands on the wire: it must decode strictly (so that every key
// is known) and encode to the same JSON.
#include <doctest/doctest.h>

#include "support/same_json.hpp"
#include "wire/rest_actions.hpp"
#include "wire/rest_agents.hpp"
#include "wire/rest_channels.hpp"
#include "wire/rest_deliveries.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"
#include "wire/rest_nodes.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::wire {
namespace {

template <class T>
T survives(std::string_view text) {
  CAPTURE(text);
  const auto body = decode_body<T>(text, kInboundLimits, Strictness::strict);
  REQUIRE_MESSAGE(body.has_value(), (body ? "" : body.error().message));
  CHECK(test::same_json(text, encode_body(*body)));
  return *body;
}

template <class T>
std::string problem(std::string_view text) {
  const auto body = decode_body<T>(text);
  return body ? "none" : body.error().message;
}

}  // namespace

TEST_CASE("workspaces") {
  survives<WorkspaceCreate>(R"({"name":"relay-1"})");
  survives<WorkspaceCreated>(R"({"workspace_id":"1","api_key":"rk_live_0","created_at":"t"})");
  survives<WorkspaceSummary>(R"({"id":"1","name":"w","created_at":"t"})");
  survives<Workspace>(R"({"id":"1","name":"w","plan":"selfhost","system_prompt":null,
      "created_at":"t","metadata":{"a":1}})");
  survives<WorkspaceUpdate>(R"({"system_prompt":"be brief"})");
  survives<SystemPrompt>(R"({"prompt":null,"is_default":true})");
  survives<SystemPromptUpdate>(R"({"reset":true})");
  survives<FleetNodes>(R"({"enabled":true,"default_enabled":true,"override":null})");
  CHECK_FALSE(survives<FleetNodesUpdate>(R"({"enabled":null})").enabled);
  survives<WorkspaceLog>(R"({"events":[{"seq":1,"type":"x","channel_id":null,"payload":{},
      "created_at":"t"}],"latest_seq":18446744073709551615,"next_since":1})");
  survives<std::vector<ActivityItem>>(R"([{"type":"dm","id":"1","conversation_id":"c",
      "agent_name":"a","text":"t","created_at":"t"}])");
  survives<ObserverTokenCreate>(R"({"name":"o","scopes":["stream:read"],
      "filters":{"channel_names":["general"],"include_dms":false}})");
  survives<ObserverTokenUpdate>(R"({"description":"d"})");
  survives<ObserverToken>(R"({"id":"1","name":"o","scopes":[],"description":null,"filters":null,
      "expires_at":null,"created_at":"t","token":"ot_live_0"})");
  survives<Health>(R"({"ok":true,"version":"1","build":"b"})");
}

TEST_CASE("agents") {
  CHECK(survives<AgentCreate>(R"({"name":"a","type":"human","metadata":{"cli":"codex"}})").type ==
        AgentType::human);
  CHECK(decode_body<AgentCreate>(R"({"name":"a"})")->type == AgentType::agent);
  CHECK(problem<AgentCreate>(R"({"name":"a","type":"robot"})") ==
        "type: expected agent or human or system, got \"robot\"");
  survives<AgentCreated>(R"({"id":"1","workspace_id":"2","name":"a","handle":"@a","token":"at",
      "status":"active","capabilities":{},"created_at":"t"})");
  CHECK(decode_body<AgentCreated>(R"({"agent_id":7,"name":"a","token":"at"})")->id == "7");
  CHECK(problem<AgentCreated>(R"({"name":"a","token":"at"})") == "id: missing");
  survives<std::vector<Agent>>(R"([{"id":"1","name":"a","handle":"@a","type":"agent",
      "status":"active","persona":null,"capabilities":{},"created_at":"t","last_seen":null,
      "metadata":{}}])");
  survives<AgentDetail>(R"({"id":"1","name":"a","handle":"@a","type":"agent","status":"idle",
      "persona":"p","capabilities":{},"created_at":"t","last_seen":"t","metadata":{},
      "channels":[{"id":"1","name":"general","role":"member","joined_at":"t"}],
      "actions_provided":[],"actions_available_to":[],"pending_deliveries":[{"id":"1",
      "message_id":"2","mode":"immediate","reason":"dm","status":"queued","created_at":"t"}]})");
  survives<AgentUpdate>(R"({"status":"idle","metadata":{"a":null}})");
  survives<AgentToken>(R"({"name":"a","token":"at"})");
  survives<NodeToken>(R"({"node_id":"node_direct_1","node_name":"direct-1","token":"nt"})");
  survives<std::vector<AgentPresence>>(R"([{"agent_id":"1","agent_name":"a","status":"offline"}])");
  survives<SpawnRequest>(R"({"name":"a","cli":"claude","task":"t","channel":"general",
      "persona":"p","model":"m","metadata":{}})");
  survives<ReleaseRequest>(R"({"name":"a","reason":"done","delete_agent":true})");
  survives<AgentEventPost>(R"({"type":"status.idle","payload":{}})");
  survives<std::vector<AgentEvent>>(R"([{"id":"1","type":"x","payload":1,"sequence":2}])");
  survives<AgentRecoverRequest>(R"({"expected_agent_id":"1","reason":"r","session_ref":"s"})");
  survives<AgentTakeover>(
      R"({"expected_agent_id":"1","actor":"a","reason":"r","session_ref":"s","node_id":"n"})");
  survives<AgentTakenOver>(R"({"agent_id":"1","name":"a","token":"at","audit_id":"2"})");
  survives<LegacyIdentity>(R"({"identity_key_hash":"00"})");
}

TEST_CASE("channels") {
  survives<ChannelCreate>(R"({"name":"general","topic":"t","metadata":{}})");
  survives<ChannelUpdate>(R"({"topic":"t"})");
  survives<std::vector<Channel>>(R"([{"id":"1","name":"general","topic":null,"metadata":{},
      "created_by":"2","created_at":"t","member_count":3,"is_archived":false}])");
  survives<ChannelDetail>(R"({"id":"1","name":"general","topic":"x","metadata":{},"member_count":1,
      "is_archived":true,"members":[{"agent_id":"1","agent_name":"a","role":"owner",
      "joined_at":"t","is_muted":false}]})");
  survives<ChannelJoined>(R"({"channel":"general","agent_id":"1","already_member":true})");
  survives<ChannelInvite>(R"({"agent_name":"a"})");
  survives<ChannelInvited>(R"({"channel":"general","agent":"a"})");
  survives<ChannelMuted>(R"({"channel":"general","agent_id":"1","muted":true})");
  survives<std::vector<ChannelReadStatus>>(
      R"([{"agent_name":"a","last_read_id":null,"last_read_at":null}])");
}

TEST_CASE("messages, threads, reactions, reads, inbox, search") {
  survives<MessagePost>(R"({"text":"hi","blocks":[],"attachments":["1"],"data":{"k":1},
      "content_type":"text/plain","mode":"steer"})");
  CHECK(problem<MessagePost>(R"({"text":"hi","mode":"later"})") ==
        "mode: expected wait or steer, got \"later\"");
  survives<std::vector<Message>>(R"([{"id":"1","channel_id":"2","agent_id":"3","agent_name":"a",
      "text":"hi","blocks":null,"metadata":{},"has_attachments":false,"thread_id":null,
      "created_at":"t","mentions":[],"attachments":[],"injection_mode":"wait","reply_count":1,
      "reactions":[{"emoji":"+1","count":1,"agents":["a"]}],"read_by_count":2}])");
  survives<ReplyPost>(R"({"text":"hi"})");
  survives<Thread>(R"({"parent":{"id":"1","channel_id":"2","agent_id":"3","agent_name":"a",
      "text":"hi","blocks":null,"metadata":{},"has_attachments":false,"thread_id":null,
      "created_at":"t","mentions":[],"attachments":[],"injection_mode":"wait","reply_count":1},
      "replies":[{"id":"4","channel_id":"2","channel_name":"general","agent_id":"3",
      "agent_name":"a","thread_id":"1","text":"re","blocks":null,"metadata":null,
      "has_attachments":false,"created_at":"t"}]})");
  survives<ReactionPost>(R"({"emoji":"+1"})");
  survives<Reaction>(
      R"({"id":"1","message_id":"2","agent_name":"a","emoji":"+1","created_at":"t"})");
  survives<ReadReceipt>(R"({"message_id":"1","agent_id":"2","read_at":"t"})");
  survives<std::vector<Reader>>(R"([{"agent_id":"2","agent_name":"a","read_at":"t"}])");
  survives<Inbox>(R"({"unread_channels":[{"channel_name":"general","unread_count":2}],
      "mentions":[{"id":"1","channel_name":"general","agent_name":"a","text":"t",
      "created_at":"t"}],"unread_dms":[{"conversation_id":"c","from":"a","unread_count":1,
      "last_message":"x"}],"recent_reactions":[]})");
  survives<std::vector<SearchHit>>(R"([{"id":"1","channel_id":"2","channel_name":null,
      "conversation_id":"c","agent_name":"a","text":"t","created_at":"t",
      "relevance_score":-1.5}])");
}

TEST_CASE("direct messages") {
  survives<DmPost>(R"({"to":"bob","text":"hi","mode":"wait"})");
  survives<DmSent>(R"({"conversation_id":"dm_1","message":{"id":"1","agent_id":"2",
      "agent_name":"a","text":"hi","injection_mode":"wait","attachments":[]},"created_at":"t",
      "id":"1","from_agent_id":"2","to":"bob","text":"hi","injection_mode":"wait",
      "attachments":[]})");
  survives<std::vector<DmConversation>>(R"([{"id":"dm_1","type":"1:1","name":null,
      "participants":[{"agent_id":"1","agent_name":"a"}],"last_message":null,"unread_count":0,
      "created_at":"t"}])");
  survives<std::vector<DmConversationOverview>>(R"([{"id":"1","type":"group","name":"g",
      "participants":["a","b"],"last_message":{"text":"x"},"message_count":3,"created_at":"t"}])");
  survives<GroupCreate>(R"({"participants":["a"],"name":"g"})");
  survives<GroupCreated>(R"({"id":"1","channel_id":"2","dm_type":"group","name":null,
      "participants":[{"agent_id":"1"}],"created_at":"t"})");
  survives<DmMessagePost>(R"({"text":"hi"})");
  survives<DmMessageSent>(R"({"conversation_id":"1","message":{"id":"1","agent_id":"2",
      "agent_name":"a","text":"hi","injection_mode":"steer","attachments":null},
      "created_at":"t"})");
  survives<ParticipantAdd>(R"({"agent_name":"a"})");
  survives<ParticipantAdded>(R"({"conversation_id":"1","agent":"a","already_member":false})");
}

TEST_CASE("deliveries") {
  survives<std::vector<Delivery>>(R"([{"id":"del_1","message_id":"1","channel_id":"2",
      "agent_id":"3","status":"queued","seq":4,"location_type":"via_node",
      "location_node_id":"node_1","route_node_id":"node_1","route_node_kind":"ws",
      "route_node_role":"broker","delivery_adapter":"ws.node.v1","dispatch_attempts":1,
      "next_attempt_at":null,"last_dispatch_error":null,"mode":"immediate","reason":"dm",
      "priority":"normal","retryable":null,"error":null,"available_at":null,"deadline":null,
      "expires_at":"t","delivered_at":null,"acked_at":null,"dead_lettered_at":null,
      "created_at":"t","updated_at":"t","message":{"id":"1","channel_id":"2","agent_id":"3",
      "agent_name":"a","text":"hi","thread_id":null,"created_at":"t"}}])");
  survives<DeliveryFail>("{}");
  survives<DeliveryFail>(R"({"error":"e","retryable":false})");
  survives<DeliveryDefer>(R"({"available_at":"t","reason":"busy"})");
}

TEST_CASE("actions and invocations") {
  survives<ActionCreate>(R"({"name":"deploy","description":"d","handler_agent":"a",
      "input_schema":{"type":"object"},"available_to":["b"]})");
  survives<std::vector<Action>>(R"([{"id":"act_1","name":"deploy","description":"d",
      "handler_agent":null,"handler_node":"n","handler_node_id":"node_1","input_schema":null,
      "output_schema":null,"available_to":null,"is_active":true,"created_at":"t"}])");
  survives<InvokeRequest>(R"({"input":{"fooBar":1}})");
  survives<Invoked>(R"({"invocation_id":"inv_1","action_name":"spawn","handler_agent_id":null,
      "handler_node_id":"node_1","dispatched_node_id":"node_1","input":{},"status":"dispatched",
      "created_at":"t"})");
  survives<InvocationComplete>(R"({"output":[1,2],"duration_ms":12.5})");
  survives<Invocation>(R"({"invocation_id":"inv_1","action_name":"spawn","caller_id":"1",
      "caller_name":"a","input":{},"output":null,"status":"failed","error":"e","duration_ms":null,
      "dispatched_node_id":null,"dispatched_at":null,"created_at":"t","completed_at":"t"})");
}

TEST_CASE("nodes, bindings and triggers") {
  const auto create = survives<NodeCreate>(R"({"node_id":"node_1","name":"builder-1","kind":"ws",
      "role":"broker","version":"relay-broker/9.1.6"})");
  CHECK(create.kind == NodeKind::ws);
  CHECK(create.role == NodeRole::broker);
  CHECK(problem<NodeCreate>(R"({"name":"n","kind":"udp"})") ==
        "kind: expected ws or http_push or poll, got \"udp\"");
  constexpr std::string_view kNode = R"("id":"node_1","name":"builder-1","kind":"ws",
      "role":"broker","delivery_adapter":"ws.node.v1","delivery":null,"capabilities":[
      {"name":"spawn:claude","kind":"capacity","global":true,"queue":false}],"tags":["x"],
      "version":"v","status":"online","live":true,"handlers_live":true,"load":0.25,
      "active_agents":1,"max_agents":4,"last_heartbeat_at":"t","created_at":"t")";
  survives<std::vector<Node>>("[{" + std::string(kNode) + "}]");
  CHECK(survives<NodeCreated>("{" + std::string(kNode) + R"(,"token":"nt_live_0"})").token ==
        "nt_live_0");
  CHECK(problem<NodeCreated>("{" + std::string(kNode) + "}") == "token: missing");
  CHECK(decode_body<NodeCreated>(R"({"id":"1","name":"n","token":"t"})")->max_agents == 0);
  survives<NodeBind>(R"({"agent_name":"a","session_ref":"s","priority":-1})");
  survives<std::vector<NodeBinding>>(R"([{"id":"anb_1","agent_id":"1","agent_name":"a",
      "node_id":"node_1","node_name":"n","node_kind":"ws","node_role":"broker","status":"active",
      "session_ref":null,"priority":0,"created_at":"t","updated_at":"t"}])");
  survives<TriggerCreate>(R"({"channel":"general","pattern":"^x","mention":"bot",
      "action_name":"deploy","enabled":true})");
  survives<TriggerUpdate>(R"({"enabled":false})");
  survives<std::vector<Trigger>>(R"([{"id":"trg_1","channel":null,"pattern":null,"mention":"bot",
      "action_name":"deploy","enabled":true,"last_triggered_at":null,"created_at":"t",
      "updated_at":"t"}])");
}

}  // namespace relay::wire
