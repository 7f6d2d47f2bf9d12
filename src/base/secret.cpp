#include "base/secret.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace relay {

void wipe(std::string& text) {
  // Up to the capacity, so that what a longer value left behind goes as well.
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
  text.clear();
}

Secret::Secret(std::string&& text) : text_(text) {
  wipe(text);
}

Secret::Secret(Secret&& from) noexcept : text_(std::move(from.text_)) {
  // A short string is copied by the move and would stay behind.
  wipe(from.text_);
}

Secret& Secret::operator=(const Secret& from) {
  if (this == &from) return *this;
  wipe(text_);
  text_ = from.text_;
  return *this;
}

Secret& Secret::operator=(Secret&& from) noexcept {
  if (this == &from) return *this;
  wipe(text_);
  std::swap(text_, from.text_);
  return *this;
}

Secret::~Secret() {
  wipe(text_);
}

std::string Secret::masked() const {
  constexpr std::size_t kKindMost = 9;
  constexpr std::size_t kShownTail = 4;
  constexpr std::size_t kHiddenLeast = 12;
  const std::size_t mark = text_.substr(0, kKindMost).rfind('_');
  const std::size_t kind = mark == std::string::npos ? 0 : mark + 1;
  if (text_.size() < kind + kHiddenLeast + kShownTail) return "…";
  return text_.substr(0, kind) + "…" + text_.substr(text_.size() - kShownTail);
}

bool operator==(const Secret& a, const Secret& b) {
  unsigned differ = a.text_.size() == b.text_.size() ? 0 : 1;
  const std::size_t n = std::min(a.text_.size(), b.text_.size());
  for (std::size_t i = 0; i < n; ++i) {
    differ |= static_cast<unsigned char>(a.text_[i]) ^ static_cast<unsigned char>(b.text_[i]);
  }
  return differ == 0;
}

}  // namespace relay
