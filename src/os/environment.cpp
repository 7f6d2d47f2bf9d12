#include "os/environment.hpp"

#include <unistd.h>
#include <utility>

namespace relay::os {

Environment Environment::of_process() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t sign = text.find('=');
    if (sign == 0 || sign == std::string_view::npos) continue;
    // Of a variable that is there twice, getenv finds the first.
    out.variables_.emplace(text.substr(0, sign), text.substr(sign + 1));
  }
  return out;
}

std::optional<std::string> Environment::get(std::string_view name) const {
  const auto at = variables_.find(name);
  if (at == variables_.end() || at->second.empty()) return std::nullopt;
  return at->second;
}

void Environment::set(std::string_view name, std::string value) {
  variables_.insert_or_assign(std::string(name), std::move(value));
}

void Environment::unset(std::string_view name) {
  const auto at = variables_.find(name);
  if (at != variables_.end()) variables_.erase(at);
}

std::vector<std::string> Environment::entries() const {
  std::vector<std::string> out;
  out.reserve(variables_.size());
  for (const auto& [name, value] : variables_) out.push_back(name + "=" + value);
  return out;
}

}  // namespace relay::os
