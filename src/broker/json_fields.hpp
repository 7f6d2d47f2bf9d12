// Internal to broker/
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.hpp"

namespace relay::broker {

/// Bodies that others write by hand: one thing goes by several names there. The first name that has
/// a value of the right kind counts; null is like absent.
class JsonFields {
 public:
  using Names = std::initializer_list<std::string_view>;

  explicit JsonFields(wire::JsonView object) : objects_{object} {}

  /// Where a field is looked for that this object does not have.
  void fall_back_to(std::optional<wire::JsonView> object) {
    if (object && object->kind() == wire::JsonView::Kind::object) objects_.push_back(*object);
  }

  [[nodiscard]] std::optional<wire::JsonView> any(Names names) const;
  /// Not blank.
  [[nodiscard]] std::string text(Names names) const;
  [[nodiscard]] bool flag(Names names) const;
  [[nodiscard]] std::optional<std::uint64_t> number(Names names) const;
  /// The strings of an array, or one string alone.
  [[nodiscard]] std::vector<std::string> texts(Names names) const;

 private:
  std::vector<wire::JsonView> objects_;
};

}  // namespace relay::broker
