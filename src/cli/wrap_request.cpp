#include "cli/wrap_request.hpp"

#include <optional>
#include <utility>

#include "base/json_writer.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

/// Deeper ones are none of ours.
constexpr std::size_t kDeepest = 8;

std::optional<std::string> text_of_member(const wire::JsonView& root, std::string_view name) {
  const auto member = root.find(name);
  if (!member) return std::nullopt;
  const auto text = member->string();
  if (!text) return std::nullopt;
  return std::string(*text);
}

}  // namespace

WrapRequest read_request(std::string_view line) {
  const auto parsed = wire::JsonDocument::parse(line, {kMostRequestLine, kDeepest});
  if (!parsed) return {{}, fail(parsed.error())};
  auto id = text_of_member(parsed->root(), "id").value_or("");
  const auto wrong = [&id](Code code, const char* why) {
    // An id that is too long is not sent back either.
    if (id.size() > kMostRequestName) id.clear();
    return WrapRequest{std::move(id), fail(code, why)};
  };
  auto sender = text_of_member(parsed->root(), "from").value_or("");
  auto body = text_of_member(parsed->root(), "text");
  if (id.empty() || sender.empty() || !body) {
    return wrong(Code::invalid_argument,
                 "a message needs \"id\", \"from\" and \"text\", each a string");
  }
  if (id.size() > kMostRequestName || sender.size() > kMostRequestName) {
    return wrong(Code::too_large, "an id and a sender have at most 256 bytes");
  }
  pty::Letter letter;
  letter.id = id;
  letter.sender = std::move(sender);
  letter.body = *std::move(body);
  return {std::move(id), std::move(letter)};
}

std::string refusal_line(std::string_view id, const Error& error) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("id", id);
  json.key("error");
  json.begin_object();
  json.field("code", name_of(error.code));
  json.field("message", error.message);
  if (!error.hint.empty()) json.field("hint", error.hint);
  json.end_object();
  json.end_object();
  json.finish();
  return text + "\n";
}

std::string outcome_line(std::string_view id, const pty::InjectionOutcome& outcome) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("id", id);
  json.field("outcome", pty::name_of(outcome.end));
  json.field("proof", pty::name_of(outcome.proof));
  json.field("reason", outcome.reason);
  json.end_object();
  json.finish();
  return text + "\n";
}

}  // namespace relay::cli
