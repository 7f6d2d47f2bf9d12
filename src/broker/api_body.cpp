#include "broker/api_body.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "broker/api_answer.hpp"

namespace relay::broker {
namespace {

bool says_json(const net::HttpRequest& request) {
  const auto field = request.headers.get("Content-Type");
  if (!field) return false;
  const std::string type = lower_ascii(trim(field->substr(0, field->find(';'))));
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

std::optional<wire::JsonView> needed(net::Exchange* exchange, wire::JsonView object,
                                     std::string_view key) {
  auto found = object.find(key);
  if (!found) refuse_body(exchange, fmt::format("missing field `{}`", key));
  return found;
}

}  // namespace

std::optional<wire::JsonDocument> json_body(net::Exchange* exchange) {
  const auto& request = exchange->request();
  if (!says_json(request)) {
    answer_text(exchange, 415, "Expected request with `Content-Type: application/json`");
    return std::nullopt;
  }
  auto document = wire::JsonDocument::parse(request.body, kApiLimits);
  if (!document) {
    answer_text(
        exchange, 400,
        fmt::format("Failed to parse the request body as JSON: {}", document.error().message));
    return std::nullopt;
  }
  return std::move(*document);
}

std::optional<wire::JsonDocument> object_body(net::Exchange* exchange) {
  auto document = json_body(exchange);
  if (document && document->root().kind() != wire::JsonView::Kind::object) {
    refuse_body(exchange, "expected an object");
    return std::nullopt;
  }
  return document;
}

std::optional<std::string> needed_text(net::Exchange* exchange, wire::JsonView object,
                                       std::string_view key) {
  const auto found = needed(exchange, object, key);
  if (!found) return std::nullopt;
  const auto text = found->string();
  if (!text) {
    refuse_body(exchange, fmt::format("{}: expected a string", key));
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<std::vector<std::string>> needed_texts(net::Exchange* exchange, wire::JsonView object,
                                                     std::string_view key) {
  const auto found = needed(exchange, object, key);
  if (!found) return std::nullopt;
  std::vector<std::string> texts;
  for (const auto& element : found->elements()) {
    if (const auto text = element.string()) texts.emplace_back(*text);
  }
  if (found->kind() != wire::JsonView::Kind::array || texts.size() != found->elements().size()) {
    refuse_body(exchange, fmt::format("{}: expected an array of strings", key));
    return std::nullopt;
  }
  return texts;
}

std::optional<std::uint16_t> needed_u16(net::Exchange* exchange, wire::JsonView object,
                                        std::string_view key) {
  const auto found = needed(exchange, object, key);
  if (!found) return std::nullopt;
  const auto number = found->unsigned_integer();
  if (!number || *number > 0xFFFF) {
    refuse_body(exchange, fmt::format("{}: expected a number from 0 to 65535", key));
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*number);
}

}  // namespace relay::broker
