#include "broker/json_fields.hpp"

#include "base/text.hpp"

namespace relay::broker {
namespace {

using Kind = wire::JsonView::Kind;

}  // namespace

std::optional<wire::JsonView> JsonFields::any(Names names) const {
  for (const auto& object : objects_) {
    for (const std::string_view name : names) {
      const auto found = object.find(name);
      if (found && !found->is_null()) return found;
    }
  }
  return std::nullopt;
}

std::string JsonFields::text(Names names) const {
  for (const auto& object : objects_) {
    for (const std::string_view name : names) {
      const auto found = object.find(name);
      const auto words = found ? found->string() : std::nullopt;
      if (words && !trim(*words).empty()) return std::string(trim(*words));
    }
  }
  return {};
}

bool JsonFields::flag(Names names) const {
  const auto found = any(names);
  return found && found->boolean().value_or(false);
}

std::optional<std::uint64_t> JsonFields::number(Names names) const {
  const auto found = any(names);
  return found ? found->unsigned_integer() : std::nullopt;
}

std::vector<std::string> JsonFields::texts(Names names) const {
  std::vector<std::string> out;
  const auto found = any(names);
  if (!found) return out;
  if (const auto one = found->string()) {
    if (!trim(*one).empty()) out.emplace_back(trim(*one));
    return out;
  }
  for (const auto& element : found->elements()) {
    if (const auto words = element.string()) out.emplace_back(*words);
  }
  return out;
}

}  // namespace relay::broker
