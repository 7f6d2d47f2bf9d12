#include "base/ids.hpp"

#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <span>
#include <vector>

namespace relay {
namespace {

constexpr std::string_view kLowerHex = "0123456789abcdef";

void append_hex(std::string& to, std::span<const std::byte> bytes) {
  for (const std::byte each : bytes) {
    to += kLowerHex[std::to_integer<std::size_t>(each >> 4)];
    to += kLowerHex[std::to_integer<std::size_t>(each & std::byte{0x0F})];
  }
}

}  // namespace

std::string random_hex(std::string_view prefix, std::size_t bytes, Random& random) {
  std::vector<std::byte> drawn(bytes);
  random.fill(drawn);
  std::string id(prefix);
  append_hex(id, drawn);
  return id;
}

bool is_random_hex(std::string_view id, std::string_view prefix, std::size_t bytes) {
  return id.starts_with(prefix) && id.size() == prefix.size() + 2 * bytes &&
         id.find_first_not_of(kLowerHex, prefix.size()) == std::string_view::npos;
}

std::string uuid_v4(Random& random) {
  std::array<std::byte, 16> drawn{};
  random.fill(drawn);
  drawn[6] = (drawn[6] & std::byte{0x0F}) | std::byte{0x40};
  drawn[8] = (drawn[8] & std::byte{0x3F}) | std::byte{0x80};
  std::string id;
  append_hex(id, drawn);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) id.insert(dash, 1, '-');
  return id;
}

std::string short_hash(std::string_view text) {
  // FNV-1a, then folded, because its high bits are the better mixed ones.
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3U;
  }
  return fmt::format("{:08x}", static_cast<std::uint32_t>(hash ^ (hash >> 32U)));
}

}  // namespace relay
