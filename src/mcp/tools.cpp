#include "mcp/tools.hpp"

#include <algorithm>
#include <array>

#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace relay::mcp {
namespace {

using P = ParameterKind;

/// What nobody should have to look for: Claude Code keeps other tools back until a model asks.
constexpr std::array<std::string_view, 6> kBasics{"send_dm",     "post_message", "reply_to_thread",
                                                  "check_inbox", "list_agents",  "submit_result"};

constexpr std::string_view kModes = "wait|steer";
constexpr std::string_view kModeHelp =
    "wait: when the other one is idle (usual). steer: before everything else that waits";

/// Messages to agents and channels, and what answers them.
std::vector<Tool> message_tools() {
  const Parameter channel{"channel", P::channel, true, "Channel name, without #"};
  const Parameter message{"message_id", P::text, true, "Message id"};
  const Parameter mode{"mode", P::text, false, kModeHelp, "", kModes};
  const Parameter files{"attachments", P::texts, false, "Ids of uploaded files"};
  std::vector<Tool> out;
  out.push_back({"send_dm",
                 "Send direct message",
                 "Send a private message to one agent.",
                 "POST",
                 "/v1/dm",
                 {{"to", P::agent, true, "Name of the agent"},
                  {"text", P::text, true, "What it says"},
                  mode,
                  files}});
  out.push_back({"post_message",
                 "Post message",
                 "Post a message to a channel.",
                 "POST",
                 "/v1/channels/{channel}/messages",
                 {channel, {"text", P::text, true, "What it says"}, mode, files}});
  out.push_back({"reply_to_thread",
                 "Reply to thread",
                 "Answer a message in its thread. The id stands in the message's header.",
                 "POST",
                 "/v1/messages/{message_id}/replies",
                 {message, {"text", P::text, true, "What it says"}}});
  out.push_back({"send_group_dm",
                 "Send group message",
                 "Open a private conversation of several agents with a first message.",
                 "POST",
                 "/v1/dm/group",
                 {{"participants", P::texts, true, "Names of the agents"},
                  {"name", P::text, false, "Name of the conversation"},
                  {"text", P::text, true, "What it says"}}});
  out.push_back({"add_reaction",
                 "Add reaction",
                 "React to a message with an emoji.",
                 "POST",
                 "/v1/messages/{message_id}/reactions",
                 {message, {"emoji", P::emoji, true, "An emoji, or a short name such as :eyes:"}},
                 ToolManner::repeatable,
                 ToolNeeds::identity,
                 "",
                 "Reacted with {emoji}"});
  out.push_back({"remove_reaction",
                 "Remove reaction",
                 "Take a reaction of yours back.",
                 "DELETE",
                 "/v1/messages/{message_id}/reactions/{emoji}",
                 {message, {"emoji", P::emoji, true, "The emoji"}},
                 ToolManner::repeatable,
                 ToolNeeds::identity,
                 "",
                 "Removed {emoji}"});
  return out;
}

/// What has been said, and what of it is new.
std::vector<Tool> reading_tools() {
  const Parameter limit{"limit", P::number, false, "At most so many"};
  const Parameter message{"message_id", P::text, true, "Message id"};
  const Parameter before{"before", P::text, false, "Older than this message id"};
  const Parameter after{"after", P::text, false, "Newer than this message id"};
  const auto reads = ToolManner::reads;
  const auto identity = ToolNeeds::identity;
  std::vector<Tool> out;
  out.push_back({"check_inbox",
                 "Check inbox",
                 "What is unread: direct messages, mentions, channels, reactions.",
                 "GET",
                 "/v1/inbox",
                 {limit},
                 reads});
  out.push_back({"list_messages",
                 "List messages",
                 "Messages of a channel, newest first.",
                 "GET",
                 "/v1/channels/{channel}/messages",
                 {{"channel", P::channel, true, "Channel name, without #"}, limit, before, after},
                 reads,
                 identity,
                 "messages"});
  out.push_back({"get_message_thread",
                 "Get thread",
                 "A message and the answers to it.",
                 "GET",
                 "/v1/messages/{message_id}/replies",
                 {message, limit},
                 reads});
  out.push_back({"list_dms",
                 "List conversations",
                 "Your private conversations.",
                 "GET",
                 "/v1/dm/conversations",
                 {},
                 reads,
                 identity,
                 "conversations"});
  out.push_back(
      {"list_dm_messages",
       "List messages of a conversation",
       "Messages of a private conversation, newest first.",
       "GET",
       "/v1/dm/{conversation_id}/messages",
       {{"conversation_id", P::text, true, "From list_dms or check_inbox"}, limit, before, after},
       reads,
       identity,
       "messages"});
  out.push_back({"search_messages",
                 "Search messages",
                 "Find messages by their words.",
                 "GET",
                 "/v1/search",
                 {{"query", P::text, true, "Words to look for", "q"},
                  {"channel", P::channel, false, "Only in this channel"},
                  {"from", P::agent, false, "Only of this agent"},
                  limit},
                 reads,
                 identity,
                 "results"});
  out.push_back({"mark_message_read",
                 "Mark as read",
                 "Take a message, and what is older in its conversation, out of your inbox.",
                 "POST",
                 "/v1/messages/{message_id}/read",
                 {message},
                 ToolManner::repeatable,
                 identity,
                 "",
                 "Marked {message_id} as read"});
  out.push_back({"get_message_readers",
                 "Get readers",
                 "Who has read a message.",
                 "GET",
                 "/v1/messages/{message_id}/readers",
                 {message},
                 reads,
                 identity,
                 "readers"});
  return out;
}

std::vector<Tool> channel_tools() {
  const Parameter channel{"channel", P::channel, true, "Channel name, without #"};
  const auto identity = ToolNeeds::identity;
  std::vector<Tool> out;
  out.push_back({"list_channels",
                 "List channels",
                 "The channels of the workspace.",
                 "GET",
                 "/v1/channels",
                 {{"include_archived", P::flag, false, "Archived ones too"}},
                 ToolManner::reads,
                 identity,
                 "channels"});
  out.push_back({"create_channel",
                 "Create channel",
                 "Make a channel; you are in it then.",
                 "POST",
                 "/v1/channels",
                 {{"name", P::channel, true, "Lower case letters, digits and -"},
                  {"topic", P::text, false, "What it is about"}}});
  out.push_back({"join_channel",
                 "Join channel",
                 "Hear what is posted to a channel.",
                 "POST",
                 "/v1/channels/{channel}/join",
                 {channel},
                 ToolManner::repeatable,
                 identity,
                 "",
                 "Joined #{channel}"});
  out.push_back({"leave_channel",
                 "Leave channel",
                 "Hear a channel no more.",
                 "POST",
                 "/v1/channels/{channel}/leave",
                 {channel},
                 ToolManner::repeatable,
                 identity,
                 "",
                 "Left #{channel}"});
  out.push_back({"invite_to_channel",
                 "Invite to channel",
                 "Bring another agent into a channel.",
                 "POST",
                 "/v1/channels/{channel}/invite",
                 {channel, {"agent", P::agent, true, "Name of the agent", "agent_name"}},
                 ToolManner::repeatable,
                 identity,
                 "",
                 "Invited {agent} to #{channel}"});
  out.push_back({"set_channel_topic",
                 "Set topic",
                 "Say what a channel is about.",
                 "PATCH",
                 "/v1/channels/{channel}/topic",
                 {channel, {"topic", P::text, true, "The topic"}},
                 ToolManner::repeatable});
  out.push_back({"archive_channel",
                 "Archive channel",
                 "Close a channel for new messages.",
                 "DELETE",
                 "/v1/channels/{channel}",
                 {channel},
                 ToolManner::destroys,
                 identity,
                 "",
                 "Archived #{channel}"});
  return out;
}

/// Other agents, where they run, and what they can be asked for.
std::vector<Tool> agent_tools() {
  const auto reads = ToolManner::reads;
  const auto identity = ToolNeeds::identity;
  const Parameter name{"name", P::agent, true, "Name of the agent"};
  const Parameter cli{"cli", P::text, true, "Its program: claude, codex, gemini, opencode, …"};
  const Parameter model{"model", P::text, false, "Which model"};
  const Parameter channel{"channel", P::channel, false, "A channel that it hears"};
  std::vector<Tool> out;
  out.push_back({"list_agents",
                 "List agents",
                 "Who is in the workspace, and who is online.",
                 "GET",
                 "/v1/agents/presence",
                 {{"status", P::text, false, "Only these", "", "online|offline"}},
                 reads,
                 identity,
                 "agents"});
  out.push_back({"query_nodes",
                 "List nodes",
                 "The machines that agents can run on.",
                 "GET",
                 "/v1/nodes",
                 {{"capability", P::text, false, "Only with this capability"},
                  {"name", P::text, false, "Only the one of this name"}},
                 reads,
                 identity,
                 "nodes"});
  out.push_back({"list_actions",
                 "List actions",
                 "What can be invoked.",
                 "GET",
                 "/v1/actions",
                 {},
                 reads,
                 identity,
                 "actions"});
  out.push_back({"invoke_action",
                 "Invoke action",
                 "Start an action that is on offer.",
                 "POST",
                 "/v1/actions/{name}/invoke",
                 {{"name", P::text, true, "Name of the action"},
                  {"input", P::object, false, "What it is given"}}});
  out.push_back({"add_agent",
                 "Start an agent",
                 "Start another agent on any node that has room and give it a task.",
                 "POST",
                 "/v1/agents/spawn",
                 {name,
                  cli,
                  {"task", P::text, true, "What it is to do"},
                  channel,
                  {"persona", P::text, false, "Who it is to be"},
                  model},
                 ToolManner::adds,
                 ToolNeeds::spawning,
                 "invocation"});
  out.push_back({"spawn",
                 "Start an agent on a node",
                 "As add_agent, with a choice of the node and of a session to go on with.",
                 "POST",
                 "/v1/actions/spawn/invoke",
                 {name,
                  cli,
                  {"task", P::text, false, "What it is to do"},
                  channel,
                  {"channels", P::texts, false, "Channels that it hears"},
                  model,
                  {"session_ref", P::text, false, "A session of its program to go on with"},
                  {"target_node", P::text, false, "Name of the node"}},
                 ToolManner::adds,
                 ToolNeeds::spawning,
                 "",
                 "",
                 "input"});
  out.push_back({"remove_agent",
                 "End an agent",
                 "End an agent and everything it started.",
                 "POST",
                 "/v1/agents/release",
                 {name,
                  {"reason", P::text, false, "Why"},
                  {"delete_agent", P::flag, false, "Forget who it was, too"}},
                 ToolManner::destroys,
                 ToolNeeds::spawning,
                 "invocation"});
  out.push_back({"submit_result",
                 "Submit result",
                 "Hand in the structured result that you were asked for.",
                 "POST",
                 "results",
                 {{"data", P::anything, true, "The result"},
                  {"final", P::flag, false, "Whether it is the last one; true when left out"},
                  {"metadata", P::object, false, "More about it"}},
                 ToolManner::adds,
                 ToolNeeds::results});
  out.push_back({"register_agent",
                 "Register",
                 "Take a name in the workspace. Needed only once.",
                 "POST",
                 "/v1/agents",
                 {name,
                  {"type", P::text, false, "What you are", "", "agent|human"},
                  {"persona", P::text, false, "Who you are"},
                  {"metadata", P::object, false, "More about you"}},
                 ToolManner::adds,
                 ToolNeeds::no_identity});
  return out;
}

std::vector<Tool> make_tools() {
  std::vector<Tool> all;
  for (auto&& some : {message_tools(), reading_tools(), channel_tools(), agent_tools()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::string_view schema_type(ParameterKind kind) {
  switch (kind) {
    case P::number: return "integer";
    case P::flag: return "boolean";
    case P::texts: return "array";
    case P::object: return "object";
    default: return "string";
  }
}

void write_parameter(JsonWriter& out, const Parameter& parameter) {
  out.key(parameter.name);
  out.begin_object();
  if (parameter.kind != P::anything) out.field("type", schema_type(parameter.kind));
  if (parameter.kind == P::texts) {
    out.key("items");
    out.raw(R"({"type":"string"})");
  }
  if (parameter.kind == P::number) out.field("minimum", 1);
  out.field("description", parameter.description);
  if (!parameter.choices.empty()) {
    out.key("enum");
    out.begin_array();
    for (const auto choice : split(parameter.choices, '|')) out.value(choice);
    out.end_array();
  }
  out.end_object();
}

void write_schema(JsonWriter& out, const Tool& tool) {
  out.begin_object();
  out.field("type", "object");
  out.key("properties");
  out.begin_object();
  for (const Parameter& parameter : tool.parameters) write_parameter(out, parameter);
  out.end_object();
  out.key("required");
  out.begin_array();
  for (const Parameter& parameter : tool.parameters) {
    if (parameter.required) out.value(parameter.name);
  }
  out.end_array();
  out.end_object();
}

void write_tool(JsonWriter& out, const Tool& tool, const Offer& offer) {
  out.begin_object();
  out.field("name", tool.name);
  out.field("title", tool.title);
  std::string description(tool.description);
  if (tool.needs == ToolNeeds::results && !offer.result_schema.empty()) {
    description += " Its data has to fit this JSON schema: " + offer.result_schema;
  }
  out.field("description", description);
  out.key("inputSchema");
  write_schema(out, tool);
  if (std::find(kBasics.begin(), kBasics.end(), tool.name) != kBasics.end()) {
    out.key("_meta");
    out.raw(R"({"anthropic/alwaysLoad":true})");
  }
  out.key("annotations");
  out.begin_object();
  out.field("title", tool.title);
  out.field("readOnlyHint", tool.manner == ToolManner::reads);
  out.field("destructiveHint", tool.manner == ToolManner::destroys);
  out.field("idempotentHint", tool.manner != ToolManner::adds);
  out.field("openWorldHint", true);
  out.end_object();
  out.end_object();
}

}  // namespace

std::span<const Tool> all_tools() {
  static const std::vector<Tool> kTools = make_tools();
  return kTools;
}

bool is_offered(const Tool& tool, const Offer& offer) {
  switch (tool.needs) {
    case ToolNeeds::identity: return true;
    case ToolNeeds::no_identity: return !offer.identity;
    case ToolNeeds::spawning: return offer.spawning;
    case ToolNeeds::results: return offer.results;
  }
  return false;
}

const Tool* find_tool(std::string_view name, const Offer& offer) {
  const auto tools = all_tools();
  const auto found = std::find_if(tools.begin(), tools.end(), [&](const Tool& tool) {
    return tool.name == name && is_offered(tool, offer);
  });
  return found == tools.end() ? nullptr : &*found;
}

std::string tools_json(const Offer& offer) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("tools");
  out.begin_array();
  for (const Tool& tool : all_tools()) {
    if (is_offered(tool, offer)) write_tool(out, tool, offer);
  }
  out.end_array();
  out.end_object();
  out.finish();
  return text;
}

}  // namespace relay::mcp
