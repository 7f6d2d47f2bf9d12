#include "engine/hub/engine_frame_texts.hpp"

#include <cctype>
#include <fmt/format.h>
#include <utility>

#include "engine/refusal.hpp"
#include "engine/views.hpp"
#include "wire/engine_frames.hpp"

namespace relay::engine {
namespace {

/// As a part of an id: all but letters and digits is `_`.
std::string id_part(std::string_view text) {
  std::string part(text);
  for (char& c : part) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return part;
}

std::string type_of(const wire::Json& payload) {
  const auto document = wire::JsonDocument::parse(payload.text(), wire::kEngineLimits);
  if (!document) return {};
  const auto type = document->root().find("type");
  return type ? std::string(type->string().value_or("")) : std::string();
}

/// By which a node knows what went wrong.
std::string_view code_of(const Error& error) {
  const auto refusal = refusal_of(error);
  if (refusal != Refusal::internal_error) return name_of(refusal);
  const bool passes = error.code == Code::disk_full || error.code == Code::queue_full;
  return passes ? "unavailable" : "node_control_failed";
}

std::string error_text(const std::string& id, std::string code, std::string message) {
  wire::ErrorFrame frame;
  frame.id = id;
  frame.code = std::move(code);
  frame.message = std::move(message);
  return wire::encode(wire::EngineFrame(std::move(frame)));
}

}  // namespace

std::string reply_frame(const std::string& id, const wire::Json& data) {
  wire::Reply frame;
  frame.id = id;
  frame.data = data;
  return wire::encode(wire::EngineFrame(std::move(frame)));
}

std::string error_frame(const std::string& id, const Error& error) {
  return error_text(id, std::string(code_of(error)), error.message);
}

std::string invalid_frame(const std::string& id, const std::string& why) {
  return error_text(id, "invalid_message", why);
}

std::string notice_frame(const Notice& notice, const wire::Json& payload, Id occasion, Id agent,
                         const std::string& agent_name) {
  wire::Deliver frame;
  frame.agent_id = std::to_string(agent);
  frame.delivery_id = fmt::format("evt_{}_{}_{}_{}", id_part(type_of(payload)),
                                  id_part(notice.about), occasion, frame.agent_id);
  frame.agent = agent_name;
  frame.msg_id = notice.about;
  frame.payload = payload;
  return wire::encode(wire::EngineFrame(std::move(frame)));
}

std::string invoke_frame(const Invocation& invocation, const std::string& handler_name) {
  wire::ActionInvoke frame;
  frame.invocation_id = "inv_" + std::to_string(invocation.id);
  frame.action = invocation.capability;
  frame.input = stored_json(invocation.input);
  if (invocation.handler_agent != 0) {
    frame.agent_id = std::to_string(invocation.handler_agent);
    frame.agent_name = handler_name;
  }
  return wire::encode(wire::EngineFrame(std::move(frame)));
}

std::string context_frame(const ContextNews& news, const std::vector<Id>& agents) {
  wire::ContextUpdate frame = news.update;
  if (!agents.empty()) {
    auto& ids = frame.agent_ids.emplace();
    for (const Id agent : agents) ids.push_back(std::to_string(agent));
  }
  return wire::encode(wire::EngineFrame(std::move(frame)));
}

}  // namespace relay::engine
