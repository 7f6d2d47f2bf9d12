#pragma once

#include <memory>
#include <utility>

namespace relay {

/// A value whose copies are one, until somebody changes his: then that one becomes his own. For
/// states that are handed to another thread again and again and of which little changes. What has
/// been moved from may only be given another value.
template <class T>
class Shared {
 public:
  Shared() : value_(std::make_shared<T>()) {}
  explicit Shared(T value) : value_(std::make_shared<T>(std::move(value))) {}

  [[nodiscard]] const T& operator*() const { return *value_; }
  [[nodiscard]] const T* operator->() const { return value_.get(); }

  /// For the one who made it, before anybody else has a copy; everybody else gets a new one.
  [[nodiscard]] T& edit() {
    if (value_.use_count() != 1) value_ = std::make_shared<T>(*value_);
    return *value_;
  }

  /// They are one and the same: nothing can be different. Two that are not may be equal.
  [[nodiscard]] bool is(const Shared& other) const { return value_ == other.value_; }

 private:
  std::shared_ptr<T> value_;
};

}  // namespace relay
