#include "cli/wrap_request.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "broker/guest_lines.hpp"
#include "broker/longest_grace.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

/// Deeper ones are none of ours.
constexpr std::size_t kDeepest = 8;
constexpr std::uint64_t kLongestEndMs = broker::kLongestGrace / std::chrono::milliseconds(1);

std::optional<std::string> text_of_member(const wire::JsonView& root, std::string_view name) {
  const auto member = root.find(name);
  if (!member) return std::nullopt;
  const auto text = member->string();
  if (!text) return std::nullopt;
  return std::string(*text);
}

bool flag_of_member(const wire::JsonView& root, std::string_view name) {
  const auto member = root.find(name);
  return member && member->boolean().value_or(false);
}

WrapMessage read_message(const wire::JsonView& root) {
  // The broker reads names without the blanks around them, so nothing else comes back to it.
  auto id = std::string(trim(text_of_member(root, "id").value_or("")));
  const auto wrong = [&id](Code code, const char* why) {
    // An id that is too long is not sent back either.
    if (id.size() > kMostRequestName) id.clear();
    return WrapMessage{std::move(id), fail(code, why)};
  };
  auto sender = text_of_member(root, "from").value_or("");
  auto body = text_of_member(root, "text");
  if (id.empty() || sender.empty() || !body) {
    return wrong(Code::invalid_argument,
                 "a message needs \"id\", \"from\" and \"text\", each a string");
  }
  pty::Letter letter;
  letter.id = text_of_member(root, "message").value_or("");
  if (letter.id.empty()) letter.id = id;
  letter.target = text_of_member(root, "target").value_or("");
  letter.thread = text_of_member(root, "thread").value_or("");
  for (const std::string* name : {&id, &sender, &letter.id, &letter.target, &letter.thread}) {
    if (name->size() > kMostRequestName) {
      return wrong(Code::too_large, "an id and a sender have at most 256 bytes");
    }
  }
  letter.kind = broker::message_kind_called(text_of_member(root, "kind").value_or(""));
  letter.sender = std::move(sender);
  letter.body = *std::move(body);
  WrapMessage out{std::move(id), std::move(letter)};
  out.urgent = flag_of_member(root, "urgent");
  out.once = flag_of_member(root, "once");
  return out;
}

}  // namespace

WrapRequest read_request(std::string_view line) {
  const auto parsed = wire::JsonDocument::parse(line, {kMostRequestLine, kDeepest});
  if (!parsed) return WrapMessage{{}, fail(parsed.error())};
  const auto root = parsed->root();
  if (root.find("text")) return read_message(root);
  if (flag_of_member(root, "watch")) return WrapWatch();
  if (const auto end = root.find("end_within_ms")) {
    const auto ms = std::min<std::uint64_t>(end->unsigned_integer().value_or(0), kLongestEndMs);
    auto why = text_of_member(root, "why").value_or("");
    if (why.size() > kMostRequestName) why.clear();
    return WrapEnd{std::chrono::milliseconds(ms), std::move(why)};
  }
  if (auto hook = text_of_member(root, "hook")) return WrapHook{*std::move(hook)};
  return read_message(root);
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
