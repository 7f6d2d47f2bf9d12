#include "engine/views.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <ctime>
#include <fmt/format.h>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "engine/names.hpp"
#include "engine/placement.hpp"

namespace relay::engine {
namespace {

constexpr std::array<std::string_view, 5> kAgentStatuses{"active", "idle", "blocked", "waiting",
                                                         "offline"};
constexpr std::array<std::string_view, 5> kDeliveryStatuses{"queued", "delivered", "acked",
                                                            "failed", "dead_lettered"};
constexpr std::array<std::string_view, 4> kDeliveryReasons{"message", "mention", "thread-reply",
                                                           "dm"};
constexpr std::array<std::string_view, 4> kInvocationStates{"pending", "dispatched", "completed",
                                                            "failed"};
constexpr std::string_view kTwoName = "dm-";
constexpr std::string_view kDeliveryPrefix = "del_";
constexpr std::string_view kRedacted = "[redacted]";
constexpr wire::JsonLimits kStoredJson{4 * 1024 * 1024, 128};

/// Whether the value behind this key of a node's delivery is nobody else's business.
bool is_secret_key(std::string_view key) {
  const std::string lower = lower_ascii(key);
  for (const std::string_view word :
       {"secret", "token", "password", "authorization", "api_key", "apikey", "credential"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

void write_redacted(JsonWriter& out, const wire::JsonView& value, bool in_headers) {
  if (value.kind() == wire::JsonView::Kind::array) {
    out.begin_array();
    for (const auto& each : value.elements()) write_redacted(out, each, in_headers);
    out.end_array();
    return;
  }
  if (value.kind() != wire::JsonView::Kind::object) {
    if (in_headers) return out.value(kRedacted);
    return out.raw(value.json().text());
  }
  out.begin_object();
  const auto members = value.members();
  for (const auto& member : members) {
    out.key(member.key);
    if (is_secret_key(member.key)) {
      out.value(kRedacted);
    } else {
      write_redacted(out, member.value, in_headers || equal_ignoring_case(member.key, "headers"));
    }
  }
  out.end_object();
}

wire::Json redacted(const std::string& json) {
  if (json.empty()) return {};
  auto document = wire::JsonDocument::parse(json, kStoredJson);
  if (!document) return {};
  return wire::Json::build([&](JsonWriter& out) { write_redacted(out, document->root(), false); });
}

wire::InjectionMode mode_of(const Message& message) {
  return message.steer ? wire::InjectionMode::steer : wire::InjectionMode::wait;
}

wire::Json attachments_of(const Message& message) {
  if (!message.attachments.empty()) return stored_json(message.attachments);
  return wire::Json::build([](JsonWriter& out) {
    out.begin_array();
    out.end_array();
  });
}

/// The number at the front of `text`, of exactly that many digits, and what follows it.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

/// "Z", "+02:00" or nothing.
std::optional<std::chrono::minutes> take_offset(std::string_view text) {
  if (text.empty() || text == "Z") return std::chrono::minutes(0);
  const int sign = text.front() == '-' ? -1 : 1;
  if (text.front() != '+' && text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours) return std::nullopt;
  take_char(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!minutes || !text.empty()) return std::nullopt;
  return std::chrono::minutes(sign * (*hours * 60 + *minutes));
}

}  // namespace

std::string wire_time(Wall time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::optional<std::string> wire_time(const std::optional<Wall>& time) {
  if (!time) return std::nullopt;
  return wire_time(*time);
}

std::optional<Wall> parse_wire_time(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take_char(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take_char(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // What Wall can count ends in 2262.
  if (!date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
  std::chrono::seconds of_day{0};
  if (!text.empty()) {
    if (!take_char(text, 'T') && !take_char(text, ' ')) return std::nullopt;
    const auto hour = take_digits(text, 2);
    if (!hour || *hour > 23 || !take_char(text, ':')) return std::nullopt;
    const auto minute = take_digits(text, 2);
    if (!minute || *minute > 59) return std::nullopt;
    std::optional<int> second = 0;
    if (take_char(text, ':')) second = take_digits(text, 2);
    if (!second || *second > 60) return std::nullopt;
    of_day = std::chrono::seconds(*hour * 3600 + *minute * 60 + *second);
    if (take_char(text, '.')) {
      while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0) {
        text.remove_prefix(1);
      }
    }
  }
  const auto offset = take_offset(text);
  if (!offset) return std::nullopt;
  return Wall(std::chrono::sys_days(date).time_since_epoch() + of_day - *offset);
}

std::string event_uuid(std::string_view message_id) {
  const std::string input = fmt::format(R"(["relaycast","{}"])", message_id);
  std::array<std::uint32_t, 4> h{0xdeadbeef, 0x41c6ce57, 0xc0decafe, 0x9e3779b9};
  constexpr std::array<std::uint32_t, 4> kEach{2654435761U, 1597334677U, 2246822507U, 3266489909U};
  for (const char c : input) {
    for (std::size_t i = 0; i < h.size(); ++i) {
      h[i] = (h[i] ^ static_cast<unsigned char>(c)) * kEach[i];
    }
  }
  for (std::size_t i = 0; i < h.size(); ++i) {
    const std::uint32_t next = h[(i + 1) % h.size()];
    h[i] = ((h[i] ^ (h[i] >> 16U)) * 2246822507U) ^ ((next ^ (next >> 13U)) * 3266489909U);
  }
  h[1] = (h[1] & 0xffff0fffU) | 0x5000U;
  h[2] = (h[2] & 0x3fffffffU) | 0x80000000U;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", h[0], h[1] >> 16U, h[1] & 0xffffU,
                     h[2] >> 16U, h[2] & 0xffffU, h[3]);
}

std::string conversation_id(const Channel& channel) {
  if (channel.kind != ChannelKind::direct) return std::to_string(channel.id);
  return "dm_" + channel.name.substr(kTwoName.size());
}

std::string channel_id(const Channel& channel) {
  if (channel.kind != ChannelKind::direct) return std::to_string(channel.id);
  return "dmch_" + channel.name.substr(kTwoName.size());
}

std::string delivery_id(const Delivery& delivery) {
  return fmt::format("{}{}_{}", kDeliveryPrefix, delivery.message, delivery.agent);
}

std::optional<DeliveryName> parse_delivery_id(std::string_view text) {
  if (!text.starts_with(kDeliveryPrefix)) return std::nullopt;
  text.remove_prefix(kDeliveryPrefix.size());
  const auto middle = text.find('_');
  if (middle == std::string_view::npos) return std::nullopt;
  const auto message = parse_id(text.substr(0, middle));
  const auto agent = parse_id(text.substr(middle + 1));
  if (!message || !agent) return std::nullopt;
  return DeliveryName{*message, *agent};
}

std::string_view name_of(AgentStatus status) {
  return kAgentStatuses[static_cast<std::size_t>(status)];
}

std::optional<AgentStatus> agent_status_of(std::string_view name) {
  if (name == "online") return AgentStatus::active;
  for (std::size_t i = 0; i < kAgentStatuses.size(); ++i) {
    if (kAgentStatuses[i] == name) return static_cast<AgentStatus>(i);
  }
  return std::nullopt;
}

std::string_view name_of(DeliveryStatus status) {
  return kDeliveryStatuses[static_cast<std::size_t>(status)];
}

std::optional<DeliveryStatus> delivery_status_of(std::string_view name) {
  for (std::size_t i = 0; i < kDeliveryStatuses.size(); ++i) {
    if (kDeliveryStatuses[i] == name) return static_cast<DeliveryStatus>(i);
  }
  return std::nullopt;
}

std::string_view name_of(DeliveryReason reason) {
  return kDeliveryReasons[static_cast<std::size_t>(reason)];
}

std::string_view mode_name(const Delivery& delivery) {
  return delivery.steer ? "immediate" : "next-tool-call";
}

std::string_view name_of(NodeKind kind) {
  return kind == NodeKind::ws ? "ws" : "poll";
}

std::string_view name_of(NodeRole role) {
  return role == NodeRole::broker ? "broker" : "direct";
}

std::string_view name_of(InvocationState state) {
  return kInvocationStates[static_cast<std::size_t>(state)];
}

std::string invocation_id(const Invocation& invocation) {
  return "inv_" + std::to_string(invocation.id);
}

wire::Json stored_json(const std::string& json) {
  if (json.empty()) return {};
  return wire::Json::build([&](JsonWriter& out) { out.raw(json); });
}

wire::Message message_view(const Message& message, const Channel& channel) {
  wire::Message view;
  view.id = std::to_string(message.id);
  view.channel_id = channel_id(channel);
  view.channel_name = channel.name;
  view.agent_id = std::to_string(message.author);
  view.agent_name = message.author_name;
  view.text = message.text;
  view.blocks = stored_json(message.blocks);
  view.metadata = stored_json(message.metadata);
  view.has_attachments = !message.attachments.empty();
  if (message.thread != 0) view.thread_id = std::to_string(message.thread);
  view.created_at = wire_time(time_of(message.id));
  if (message.text.find('@') != std::string::npos) view.mentions = mentions_in(message.text);
  view.attachments = attachments_of(message);
  view.injection_mode = mode_of(message);
  return view;
}

wire::ThreadReply reply_view(const Message& message, const Channel& channel) {
  wire::ThreadReply view;
  view.id = std::to_string(message.id);
  view.channel_id = channel_id(channel);
  view.channel_name = channel.name;
  view.agent_id = std::to_string(message.author);
  view.agent_name = message.author_name;
  view.thread_id = std::to_string(message.thread);
  view.text = message.text;
  view.blocks = stored_json(message.blocks);
  view.metadata = stored_json(message.metadata);
  view.has_attachments = !message.attachments.empty();
  view.created_at = wire_time(time_of(message.id));
  return view;
}

wire::DmMessage dm_view(const Message& message) {
  wire::DmMessage view;
  view.id = std::to_string(message.id);
  view.agent_id = std::to_string(message.author);
  view.agent_name = message.author_name;
  view.text = message.text;
  view.injection_mode = mode_of(message);
  view.attachments = attachments_of(message);
  return view;
}

wire::DmSent dm_sent_view(const Message& message, const Channel& channel, const std::string& to) {
  wire::DmSent view;
  view.conversation_id = conversation_id(channel);
  view.message = dm_view(message);
  view.created_at = wire_time(time_of(message.id));
  view.id = view.message.id;
  view.from_agent_id = view.message.agent_id;
  view.to = to;
  view.text = message.text;
  view.injection_mode = view.message.injection_mode;
  view.attachments = view.message.attachments;
  return view;
}

wire::DeliverEvent deliver_event(const Message& message, const Channel& channel,
                                 const std::string& to) {
  if (message.thread != 0) {
    wire::ThreadReplied event;
    static_cast<wire::ThreadReply&>(event) = reply_view(message, channel);
    event.from_name = message.author_name;
    return event;
  }
  if (channel.kind == ChannelKind::channel) {
    wire::MessageCreated event;
    static_cast<wire::Message&>(event) = message_view(message, channel);
    event.from_name = message.author_name;
    return event;
  }
  auto sent = dm_sent_view(message, channel, to);
  if (channel.kind == ChannelKind::direct) {
    wire::DmReceived event;
    static_cast<wire::DmSent&>(event) = std::move(sent);
    event.from_name = message.author_name;
    return event;
  }
  wire::GroupDmReceived event;
  event.conversation_id = std::move(sent.conversation_id);
  event.message = std::move(sent.message);
  event.created_at = std::move(sent.created_at);
  event.id = std::move(sent.id);
  event.agent_id = event.message.agent_id;
  event.text = std::move(sent.text);
  event.injection_mode = sent.injection_mode;
  event.attachments = std::move(sent.attachments);
  event.from_name = message.author_name;
  return event;
}

wire::Node node_view(const Node& node, Wall now) {
  wire::Node view;
  const bool live = is_live(node, now);
  view.id = node.node_id;
  view.name = node.name;
  view.kind = name_of(node.kind);
  view.role = name_of(node.role);
  view.delivery_adapter = node.adapter;
  view.delivery = redacted(node.delivery);
  for (const auto& capability : node.capabilities) {
    wire::Capability& each = view.capabilities.emplace_back();
    each.name = capability.name;
    if (!capability.kind.empty()) each.kind = capability.kind;
    if (!capability.metadata.empty()) each.metadata = stored_json(capability.metadata);
  }
  view.tags = node.tags;
  view.version = node.version;
  view.status = live ? "online" : "offline";
  view.live = live;
  view.handlers_live = live && node.handlers_live;
  view.load = node.load;
  view.active_agents = node.active_agents;
  view.max_agents = node.max_agents;
  view.last_heartbeat_at = wire_time(node.heartbeat);
  view.created_at = wire_time(time_of(node.id));
  return view;
}

}  // namespace relay::engine
