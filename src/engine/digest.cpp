#include "engine/digest.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/ids.hpp"

namespace relay::engine {
namespace {

constexpr std::size_t kConversationDigits = 24;

}  // namespace

std::string sha256_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  out.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

Secret new_token(TokenKind kind, Random& random) {
  switch (kind) {
    case TokenKind::workspace: return Secret(random_hex("rk_live_", 16, random));
    case TokenKind::agent: return Secret(random_hex("at_live_", 16, random));
    case TokenKind::node: return Secret(random_hex("nt_live_", 24, random));
    case TokenKind::observer: return Secret(random_hex("ot_live_", 16, random));
    case TokenKind::webhook: return Secret(random_hex("wh_live_", 16, random));
  }
  return {};
}

std::string direct_channel_name(Id workspace, Id one, Id other) {
  const auto [low, high] = std::minmax(one, other);
  const auto digest = sha256_hex(fmt::format("{}:{}:{}", workspace, low, high));
  return "dm-" + digest.substr(0, kConversationDigits);
}

}  // namespace relay::engine
