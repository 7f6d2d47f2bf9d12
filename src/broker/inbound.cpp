#include "broker/inbound.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "base/text.hpp"
#include "wire/engine_frames.hpp"
#include "wire/json.hpp"

namespace relay::broker {
namespace {

using wire::JsonView;
using Kind = JsonView::Kind;

struct Known {
  std::string_view type;
  pty::MessageKind kind;
};

/// Every name under which engines have sent what an agent is to read.
constexpr std::array kInjected{
    Known{"", pty::MessageKind::direct},
    Known{"message.created", pty::MessageKind::channel},
    Known{"message.received", pty::MessageKind::channel},
    Known{"message.new", pty::MessageKind::channel},
    Known{"message.sent", pty::MessageKind::channel},
    Known{"message.delivered", pty::MessageKind::channel},
    Known{"thread.reply", pty::MessageKind::thread},
    Known{"thread.message.created", pty::MessageKind::thread},
    Known{"thread.message.sent", pty::MessageKind::thread},
    Known{"dm.received", pty::MessageKind::direct},
    Known{"dm.created", pty::MessageKind::direct},
    Known{"dm.new", pty::MessageKind::direct},
    Known{"dm.sent", pty::MessageKind::direct},
    Known{"dm.message.created", pty::MessageKind::direct},
    Known{"direct_message.received", pty::MessageKind::direct},
    Known{"direct_message.created", pty::MessageKind::direct},
    Known{"direct_message.new", pty::MessageKind::direct},
    Known{"direct_message.sent", pty::MessageKind::direct},
    Known{"group_dm.received", pty::MessageKind::group},
    Known{"group_dm.created", pty::MessageKind::group},
    Known{"group_dm.new", pty::MessageKind::group},
    Known{"group_dm.sent", pty::MessageKind::group},
    Known{"group_dm.message.created", pty::MessageKind::group},
    Known{"action.completed", pty::MessageKind::action},
    Known{"action.failed", pty::MessageKind::action},
    Known{"action.denied", pty::MessageKind::action},
};

/// Text that is not blank, or a number, of the first of these places that has one.
std::string first_text(const JsonView& root, std::initializer_list<std::string_view> pointers) {
  for (const std::string_view pointer : pointers) {
    const auto found = root.at(pointer);
    if (!found) continue;
    if (const auto text = found->string(); text && !trim(*text).empty()) {
      return std::string(trim(*text));
    }
    if (found->kind() == Kind::number) return found->json().text();
  }
  return {};
}

/// The words as they were written, blanks at their ends included.
std::string body_of(const JsonView& root, const wire::Json& payload) {
  for (const std::string_view pointer : {"/data/text", "/text", "/body", "/content",
                                         "/message/text", "/data/message/text", "/payload/text"}) {
    const auto found = root.at(pointer);
    const auto text = found ? found->string() : std::nullopt;
    if (text && !trim(*text).empty()) return std::string(*text);
  }
  for (const std::string_view pointer : {"/data/output", "/data/error", "/data"}) {
    const auto found = root.at(pointer);
    if (!found || found->is_null()) continue;
    const auto text = found->string();
    if (text && trim(*text).empty()) continue;
    return text ? std::string(*text) : found->json().text();
  }
  return payload.text();
}

int priority_of(const JsonView& root, std::string_view target) {
  for (const std::string_view pointer : {"/data/priority", "/priority"}) {
    const auto found = root.at(pointer);
    const auto number = found ? found->unsigned_integer() : std::nullopt;
    if (number && *number <= 255) return static_cast<int>(*number);
  }
  const std::string label = lower_ascii(
      first_text(root, {"/data/metadata/priority", "/metadata/priority", "/data/priority"}));
  constexpr std::array<std::pair<std::string_view, int>, 4> kLabels{
      {{"low", 1}, {"normal", 2}, {"high", 3}, {"urgent", 4}}};
  for (const auto& [word, value] : kLabels) {
    if (word == label) return value;
  }
  return target.starts_with('#') ? 3 : 2;
}

std::string target_of(const JsonView& root) {
  std::string target = first_text(root, {"/target", "/to", "/recipient", "/message/target"});
  if (!target.empty()) return target;
  target = first_text(root, {"/data/channel_name", "/channel", "/message/channel"});
  if (!target.empty() && target.front() != '#') target.insert(0, 1, '#');
  return target;
}

}  // namespace

Result<Inbound> read_inbound(std::string_view frame) {
  auto decoded = wire::decode_engine_frame(frame);
  if (!decoded) return fail(std::move(decoded).error());
  const auto* deliver = std::get_if<wire::Deliver>(&*decoded);
  if (deliver == nullptr) return fail(Code::protocol_error, "this is no deliver frame");
  auto payload = wire::JsonDocument::parse(deliver->payload.text(), wire::kEngineLimits);
  if (!payload) return fail(std::move(payload).error());
  const JsonView root = payload->root();

  Inbound out;
  out.type = first_text(root, {"/type"});
  const auto* known = std::find_if(kInjected.begin(), kInjected.end(),
                                   [&out](const Known& one) { return one.type == out.type; });
  if (known == kInjected.end()) {
    const bool notice = out.type == "message.reacted" || out.type == "message.read";
    out.what = notice ? InboundClass::notice : InboundClass::unknown;
    if (out.type == "message.reacted" && first_text(root, {"/data/action"}) != "removed") {
      out.reacted_to = first_text(root, {"/data/message_id"});
      out.emoji = first_text(root, {"/data/emoji"});
    }
  } else {
    out.letter.kind = known->kind;
  }
  out.event_id = deliver->msg_id;
  out.steer = deliver->mode == wire::InjectionMode::steer;
  pty::Letter& letter = out.letter;
  letter.sender = first_text(
      root, {"/data/agent_name", "/data/from_name", "/data/message/agent_name", "/from", "/sender",
             "/author", "/message/agent_name", "/message/from", "/payload/from"});
  if (letter.sender.empty()) letter.sender = "relaycast";
  letter.id = out.event_id;
  letter.thread =
      first_text(root, {"/data/thread_id", "/thread_id", "/threadId", "/data/parent_id"});
  letter.target = target_of(root);
  letter.body = body_of(root, deliver->payload);
  out.priority = priority_of(root, letter.target);
  if (letter.kind == pty::MessageKind::direct && !letter.target.starts_with('#')) {
    letter.target.clear();
  }
  return out;
}

}  // namespace relay::broker
