#include "mcp/rpc.hpp"

#include <fmt/format.h>
#include <utility>

namespace relay::mcp {
namespace {

using Kind = wire::JsonView::Kind;

RpcMessage invalid_message(std::string id, std::string why) {
  RpcMessage out;
  out.id = std::move(id);
  out.why = std::move(why);
  return out;
}

RpcMessage read_message(const wire::JsonView& value) {
  if (value.kind() != Kind::object) {
    return invalid_message("null", "a message has to be an object");
  }
  const auto id = value.find("id");
  std::string id_text = "null";
  if (id) {
    const bool usable = id->kind() == Kind::string || id->kind() == Kind::number;
    if (usable) id_text = id->json().text();
    if (!usable || id_text.size() > kMostId) {
      return invalid_message("null", "an id has to be a short string or a number");
    }
  }
  const auto version = value.find("jsonrpc");
  if (!version || version->string() != "2.0") {
    return invalid_message(std::move(id_text), "\"jsonrpc\" has to be \"2.0\"");
  }
  const auto method = value.find("method");
  if (!method) {
    const bool answers = id && (value.find("result") || value.find("error"));
    if (!answers) return invalid_message(std::move(id_text), "it has no method");
    RpcMessage out;
    out.kind = RpcMessage::Kind::response;
    out.id = std::move(id_text);
    return out;
  }
  const auto name = method->string();
  if (!name || name->empty() || name->size() > kMostMethod) {
    return invalid_message(std::move(id_text), "\"method\" has to be the name of one");
  }
  const auto params = value.find("params");
  if (params && params->kind() != Kind::object) {
    return invalid_message(std::move(id_text), "\"params\" has to be an object");
  }
  RpcMessage out;
  out.kind = id ? RpcMessage::Kind::request : RpcMessage::Kind::notification;
  out.id = std::move(id_text);
  out.method = std::string(*name);
  if (params) out.params = params->json();
  return out;
}

}  // namespace

Result<RpcLine> read_line(std::string_view line) {
  const auto document = wire::JsonDocument::parse(line, kLineLimits);
  if (!document) return fail(document.error());
  RpcLine out;
  const wire::JsonView root = document->root();
  out.batch = root.kind() == Kind::array;
  if (!out.batch) {
    out.messages.push_back(read_message(root));
    return out;
  }
  const auto elements = root.elements();
  if (elements.size() > kMostBatch) {
    return fail(Code::too_large, fmt::format("a batch has at most {} messages", kMostBatch));
  }
  for (const auto& element : elements) out.messages.push_back(read_message(element));
  return out;
}

std::string answer_text(std::string_view id, std::string_view result) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("jsonrpc", "2.0");
  out.key("id");
  out.raw(id);
  out.key("result");
  out.raw(result);
  out.end_object();
  out.finish();
  return text;
}

std::string fault_text(std::string_view id, RpcFault fault, std::string_view message) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("jsonrpc", "2.0");
  out.key("id");
  out.raw(id);
  out.key("error");
  out.begin_object();
  out.field("code", static_cast<std::int32_t>(fault));
  out.field("message", message);
  out.end_object();
  out.end_object();
  out.finish();
  return text;
}

}  // namespace relay::mcp
