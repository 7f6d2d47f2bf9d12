#include "engine/store/sqlite/rows.hpp"

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "wire/json.hpp"

namespace relay::engine::rows {
namespace {

constexpr wire::JsonLimits kStoredLimits{4 * 1024 * 1024, 128};

}  // namespace

std::int64_t stamp(Wall time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::optional<std::int64_t> stamp(const std::optional<Wall>& time) {
  if (!time) return std::nullopt;
  return stamp(*time);
}

Wall time_at(const Query& row, int column) {
  return Wall(std::chrono::milliseconds(row.integer(column)));
}

std::optional<Wall> maybe_time(const Query& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return time_at(row, column);
}

std::optional<std::string> maybe_text(const Query& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.text(column);
}

std::optional<std::string> or_null(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::string to_json(const std::vector<std::string>& texts) {
  std::string out;
  JsonWriter writer(out);
  writer.begin_array();
  for (const auto& text : texts) writer.value(text);
  writer.end_array();
  writer.finish();
  return out;
}

std::vector<std::string> texts_of(const std::string& json) {
  std::vector<std::string> texts;
  const auto document = wire::JsonDocument::parse(json, kStoredLimits);
  if (!document) return texts;
  for (const auto& element : document->root().elements()) {
    if (const auto text = element.string()) texts.emplace_back(*text);
  }
  return texts;
}

std::string to_json(const std::vector<NodeCapability>& capabilities) {
  std::string out;
  JsonWriter writer(out);
  writer.begin_array();
  for (const auto& capability : capabilities) {
    writer.begin_object();
    writer.field("name", capability.name);
    if (!capability.kind.empty()) writer.field("kind", capability.kind);
    if (!capability.metadata.empty()) {
      writer.key("metadata");
      writer.raw(capability.metadata);
    }
    writer.end_object();
  }
  writer.end_array();
  writer.finish();
  return out;
}

std::vector<NodeCapability> capabilities_of(const std::string& json) {
  std::vector<NodeCapability> capabilities;
  if (json == "[]") return capabilities;
  const auto document = wire::JsonDocument::parse(json, kStoredLimits);
  if (!document) return capabilities;
  for (const auto& element : document->root().elements()) {
    NodeCapability& capability = capabilities.emplace_back();
    if (const auto name = element.find("name")) capability.name = name->string().value_or("");
    if (const auto kind = element.find("kind")) capability.kind = kind->string().value_or("");
    if (const auto data = element.find("metadata")) capability.metadata = data->json().text();
  }
  return capabilities;
}

std::string ids_to_text(const std::vector<Id>& ids) {
  std::string text;
  for (const Id id : ids) {
    if (!text.empty()) text += ',';
    text += std::to_string(id);
  }
  return text;
}

std::vector<Id> ids_of(const std::string& text) {
  std::vector<Id> ids;
  for (const auto part : split(text, ',')) {
    if (const auto id = parse_id(part)) ids.push_back(*id);
  }
  return ids;
}

Agent agent(const Query& row) {
  Agent agent;
  agent.id = row.number(0);
  agent.workspace = row.number(1);
  agent.name = row.text(2);
  agent.type = row.text(3);
  agent.status = static_cast<AgentStatus>(row.integer(4));
  agent.persona = maybe_text(row, 5);
  agent.metadata = row.text(6);
  agent.capabilities = row.text(7);
  agent.node = row.number(8);
  agent.origin_node = row.number(9);
  agent.session_ref = maybe_text(row, 10);
  agent.resumable = row.flag(11);
  agent.last_seen = time_at(row, 12);
  return agent;
}

Channel channel(const Query& row) {
  Channel channel;
  channel.id = row.number(0);
  channel.workspace = row.number(1);
  channel.kind = static_cast<ChannelKind>(row.integer(2));
  channel.name = row.text(3);
  channel.topic = maybe_text(row, 4);
  channel.metadata = row.text(5);
  channel.created_by = row.number(6);
  channel.archived = row.flag(7);
  channel.member_count = static_cast<std::uint32_t>(row.integer(8));
  return channel;
}

Message message(const Query& row) {
  Message message;
  message.id = row.number(0);
  message.workspace = row.number(1);
  message.channel = row.number(2);
  message.author = row.number(3);
  message.author_name = row.text(4);
  message.thread = row.number(5);
  message.text = row.text(6);
  message.blocks = row.text(7);
  message.metadata = row.text(8);
  message.steer = row.flag(9);
  message.attachments = row.text(10);
  return message;
}

Delivery delivery(const Query& row) {
  Delivery delivery;
  delivery.agent = row.number(0);
  delivery.seq = row.number(1);
  delivery.message = row.number(2);
  delivery.status = static_cast<DeliveryStatus>(row.integer(3));
  delivery.reason = static_cast<DeliveryReason>(row.integer(4));
  delivery.steer = row.flag(5);
  delivery.node = row.number(6);
  delivery.attempts = static_cast<std::uint32_t>(row.integer(7));
  delivery.expires = time_at(row, 8);
  delivery.delivered = maybe_time(row, 9);
  delivery.settled = maybe_time(row, 10);
  delivery.available = maybe_time(row, 11);
  delivery.note = maybe_text(row, 12);
  if (!row.is_null(13)) delivery.retryable = row.flag(13);
  return delivery;
}

Node node(const Query& row) {
  Node node;
  node.id = row.number(0);
  node.workspace = row.number(1);
  node.node_id = row.text(2);
  node.name = row.text(3);
  node.kind = static_cast<NodeKind>(row.integer(4));
  node.role = static_cast<NodeRole>(row.integer(5));
  node.adapter = row.text(6);
  node.delivery = row.text(7);
  node.capabilities = capabilities_of(row.text(8));
  node.tags = texts_of(row.text(9));
  node.version = row.text(10);
  node.max_agents = static_cast<std::uint32_t>(row.integer(11));
  node.active_agents = static_cast<std::uint32_t>(row.integer(12));
  node.reserved = static_cast<std::uint32_t>(row.integer(13));
  node.load = row.real(14);
  node.online = row.flag(15);
  node.handlers_live = row.flag(16);
  node.heartbeat = maybe_time(row, 17);
  node.present = static_cast<std::uint32_t>(row.integer(18));
  return node;
}

Action action(const Query& row) {
  Action action;
  action.id = row.number(0);
  action.workspace = row.number(1);
  action.name = row.text(2);
  action.description = row.text(3);
  action.handler_agent = row.number(4);
  action.handler_node = row.number(5);
  action.input_schema = row.text(6);
  action.output_schema = row.text(7);
  if (!row.is_null(8)) action.available_to = texts_of(row.text(8));
  return action;
}

Invocation invocation(const Query& row) {
  Invocation invocation;
  invocation.id = row.number(0);
  invocation.workspace = row.number(1);
  invocation.action = row.text(2);
  invocation.capability = row.text(3);
  invocation.caller = row.number(4);
  invocation.caller_name = row.text(5);
  invocation.input = row.text(6);
  invocation.output = row.text(7);
  invocation.error = maybe_text(row, 8);
  invocation.state = static_cast<InvocationState>(row.integer(9));
  invocation.handler_agent = row.number(10);
  invocation.target = row.number(11);
  invocation.node = row.number(12);
  invocation.dispatched = maybe_time(row, 13);
  invocation.retry_after = maybe_time(row, 14);
  invocation.completed = maybe_time(row, 15);
  invocation.place_held = row.flag(16);
  invocation.attempts = static_cast<std::uint32_t>(row.integer(17));
  invocation.attempted = ids_of(row.text(18));
  if (!row.is_null(19)) invocation.duration_ms = row.real(19);
  return invocation;
}

}  // namespace relay::engine::rows
