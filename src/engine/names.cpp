#include "engine/names.hpp"

#include <algorithm>

namespace relay::engine {
namespace {

constexpr std::size_t kLongestName = 128;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_handle(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.' ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

bool is_agent_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '@' || c == '#' || c == '/';
  });
}

std::string_view without_hash(std::string_view name) {
  if (name.starts_with('#')) name.remove_prefix(1);
  return name;
}

std::vector<std::string> mentions_in(std::string_view text) {
  std::vector<std::string> found;
  for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at)) {
    const bool within_word = at > 0 && is_handle(text[at - 1]);
    const std::size_t start = ++at;
    while (at < text.size() && is_handle(text[at])) ++at;
    std::string_view handle = text.substr(start, at - start);
    while (!handle.empty() && (handle.back() == '.' || handle.back() == '-')) {
      handle.remove_suffix(1);
    }
    if (within_word || handle.empty()) continue;
    if (std::find(found.begin(), found.end(), handle) == found.end()) found.emplace_back(handle);
  }
  return found;
}

std::string free_name(std::string_view name,
                      const std::function<bool(const std::string&)>& is_taken) {
  std::string candidate(name);
  for (int number = 2; is_taken(candidate); ++number) {
    candidate = std::string(name) + "-" + std::to_string(number);
  }
  return candidate;
}

std::string spawn_capability(std::string_view asked) {
  if (asked.empty() || asked == "spawn") return "spawn";
  if (asked.starts_with("spawn:")) return std::string(asked);
  return "spawn:" + std::string(asked);
}

bool is_action_capability(std::string_view capability) {
  return !capability.empty() && capability != "spawn" && capability != "release" &&
         !capability.starts_with("spawn:") && !capability.starts_with("relay:");
}

std::string direct_node_id(Id agent) {
  return "node_direct_" + std::to_string(agent);
}

std::string direct_node_name(Id agent) {
  return "direct-" + std::to_string(agent);
}

}  // namespace relay::engine
