#include "token_cache/node_identity.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "os/paths.hpp"

namespace relay::token_cache {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kLongestName = 128;
constexpr std::size_t kLongestHost = 40;

std::string node_id_of(std::string_view material) {
  return "node_" + sha256_hex(material).substr(0, 2 * kIdBytes);
}

std::string joined(std::string_view seed, const std::filesystem::path& directory) {
  std::string material(seed);
  material += '\0';
  material += directory.native();
  return material;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool may_be_in_id(char c) {
  return is_word(c) || c == '.' || c == '_' || c == ':' || c == '-';
}

bool may_be_in_name(char c) {
  return c > ' ' && c <= '~' && c != '/';
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

std::string derived_node_id(std::string_view seed, const std::filesystem::path& directory,
                            std::string_view workspace_id) {
  std::string material = joined(seed, directory);
  material += '\0';
  material += workspace_id;
  return node_id_of(material);
}

std::string peer_node_id(std::string_view seed, const std::filesystem::path& directory) {
  return node_id_of(joined(seed, directory));
}

std::string default_node_name(std::string_view host, const std::filesystem::path& directory) {
  std::string label;
  for (const char c : host.substr(0, host.find('.'))) {
    if ((is_word(c) || c == '-') && label.size() < kLongestHost) label += c;
  }
  if (label.empty()) label = "relay-node";
  return fmt::format("{}-{}", label, os::instance_name(directory));
}

Result<void> check_node_id(std::string_view id) {
  if (!id.empty() && id.size() <= kLongestName && std::all_of(id.begin(), id.end(), may_be_in_id)) {
    return {};
  }
  return fail(Code::invalid_argument, fmt::format("'{}' is no node id", printable(id)),
              "a node id is 1 to 128 letters, digits, '.', '_', ':' or '-', as in node_1f3a…");
}

Result<void> check_node_name(std::string_view name) {
  if (!name.empty() && name.size() <= kLongestName && name.front() != '#' &&
      std::all_of(name.begin(), name.end(), may_be_in_name)) {
    return {};
  }
  return fail(Code::invalid_argument, fmt::format("'{}' is no node name", printable(name)),
              "1 to 128 printable characters without spaces and '/', not beginning with '#'");
}

Result<std::string> engine_address(std::string_view url) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::invalid_argument,
                fmt::format("'{}' is no engine address: {}", printable(url), why),
                "it looks like https://engine.example or http://127.0.0.1:8787");
  };
  std::string_view text = trim(url);
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return refuse("http:// or https:// is missing");
  const std::string scheme = lower_ascii(text.substr(0, mark));
  if (scheme != "http" && scheme != "https") return refuse("only http and https are possible");
  text.remove_prefix(mark + 3);
  while (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string host = lower_ascii(text.substr(0, slash));
  if (host.empty()) return refuse("the host is missing");
  if (host.find('@') != std::string::npos) return refuse("it must not hold a user or password");
  const auto bad = [](char c) { return c <= ' ' || c > '~' || c == '?' || c == '#'; };
  if (std::any_of(text.begin(), text.end(), bad)) {
    return refuse("it must not hold spaces, a query or a fragment");
  }
  return scheme + "://" + host + std::string(text.substr(slash));
}

}  // namespace relay::token_cache
