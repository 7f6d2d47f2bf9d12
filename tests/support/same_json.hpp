#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.hpp"

namespace relay::test {

/// Whether two JSON texts mean the same: key order and white space do not count.
inline bool same_json(wire::JsonView a, wire::JsonView b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() == wire::JsonView::Kind::object) {
    const wire::JsonMembers mine = a.members();
    const wire::JsonMembers theirs = b.members();
    return mine.size() == theirs.size() &&
           std::all_of(mine.begin(), mine.end(), [&theirs](const auto& each) {
             const auto* const other = theirs.find(each.key);
             return other != nullptr && same_json(each.value, other->value);
           });
  }
  if (a.kind() == wire::JsonView::Kind::array) {
    const auto mine = a.elements();
    const auto theirs = b.elements();
    return std::equal(mine.begin(), mine.end(), theirs.begin(), theirs.end(),
                      [](wire::JsonView x, wire::JsonView y) { return same_json(x, y); });
  }
  return a.json() == b.json();
}

inline bool same_json(std::string_view a, std::string_view b) {
  const auto first = wire::JsonDocument::parse(a, wire::kEngineLimits);
  const auto second = wire::JsonDocument::parse(b, wire::kEngineLimits);
  return first && second && same_json(first->root(), second->root());
}

}  // namespace relay::test
