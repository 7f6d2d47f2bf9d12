#include "wire/names.hpp"

#include <algorithm>
#include <cstddef>

namespace relay::wire {
namespace {

constexpr std::size_t kLongestChannel = 128;

bool begins_channel(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_channel_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestChannel || !begins_channel(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return begins_channel(c) || c == '-'; });
}

}  // namespace relay::wire
