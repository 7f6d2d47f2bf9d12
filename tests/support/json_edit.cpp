#include "support/json_edit.hpp"

#include <optional>
#include <stdexcept>

#include "wire/json.hpp"

namespace relay::test {
namespace {

constexpr wire::JsonLimits kLimits{std::size_t{64} << 20U, 100};

/// Copies `view`, with the member at `pointer` left out or replaced.
void copy(JsonWriter& out, wire::JsonView view, std::string_view pointer,
          std::optional<std::string_view> value) {
  if (pointer.empty() || pointer.front() != '/') throw std::invalid_argument("a bad JSON pointer");
  pointer.remove_prefix(1);
  const auto slash = pointer.find('/');
  const bool here = slash == std::string_view::npos;
  const std::string_view key = pointer.substr(0, slash);
  const wire::JsonMembers members = view.members();
  const bool known = members.find(key) != nullptr;
  if (view.kind() != wire::JsonView::Kind::object || (!known && !(here && value))) {
    throw std::invalid_argument("no member " + std::string(key));
  }
  out.begin_object();
  for (const auto& member : members) {
    if (member.key != key) {
      out.key(member.key);
      out.raw(member.value.json().text());
    } else if (!here) {
      out.key(member.key);
      copy(out, member.value, pointer.substr(slash), value);
    }
  }
  if (here && value) {
    out.key(key);
    out.raw(*value);
  }
  out.end_object();
}

std::string edited(std::string_view document, std::string_view pointer,
                   std::optional<std::string_view> value) {
  const auto parsed = wire::JsonDocument::parse(document, kLimits);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  std::string text;
  JsonWriter out(text);
  copy(out, parsed->root(), pointer, value);
  out.finish();
  return text;
}

}  // namespace

std::string json_without(std::string_view document, std::string_view pointer) {
  return edited(document, pointer, std::nullopt);
}

std::string json_with(std::string_view document, std::string_view pointer, std::string_view value) {
  return edited(document, pointer, value);
}

std::string json_at(std::string_view document, std::string_view pointer) {
  const auto parsed = wire::JsonDocument::parse(document, kLimits);
  if (!parsed) return {};
  const auto found = parsed->root().at(pointer);
  return found ? found->json().text() : std::string();
}

std::string json_string_at(std::string_view document, std::string_view pointer) {
  const auto parsed = wire::JsonDocument::parse(document, kLimits);
  if (!parsed) return {};
  const auto found = parsed->root().at(pointer);
  const auto text = found ? found->string() : std::nullopt;
  return text ? std::string(*text) : std::string();
}

}  // namespace relay::test
