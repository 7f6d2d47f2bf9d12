#include "token_cache/machine_seed.hpp"

#include <algorithm>
#include <utility>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "os/file_rules.hpp"

namespace relay::token_cache {
namespace {

constexpr const char* kFileName = "machine-id";
constexpr std::size_t kSeedBytes = 16;
constexpr std::size_t kLongestSeed = 256;

bool may_be_seed(std::string_view text) {
  return !text.empty() && text.size() <= kLongestSeed &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<std::string> seed_in(std::string_view content, const os::Path& path) {
  const std::string_view text = trim(content);
  if (may_be_seed(text)) return std::string(text);
  return fail(Code::io_error, os::quoted(path) + " does not hold a machine id",
              "put it back from a backup, or remove it: every directory then becomes a new node");
}

/// Nothing when the file is not there.
Result<std::optional<std::string>> own_seed(os::Files& files, const CachePlaces& places) {
  const os::Path path = places.own / kFileName;
  auto content = files.read_private(path, kCacheFileMost);
  if (!content && content.error().code == Code::not_found) return std::optional<std::string>();
  if (!content) return fail(std::move(content).error());
  auto seed = seed_in(*content, path);
  if (!seed) return fail(std::move(seed).error());
  return std::optional(*std::move(seed));
}

/// Nothing when the file is not there or empty: agent-relay-broker itself takes that for missing.
Result<std::optional<std::string>> peer_seed(os::Files& files, const CachePlaces& places) {
  const os::Path path = places.peer / kFileName;
  auto content = read_peer_file(files, places, path);
  if (!content && content.error().code == Code::not_found) return std::optional<std::string>();
  if (!content) return fail(std::move(content).error());
  if (trim(*content).empty()) return std::optional<std::string>();
  auto seed = seed_in(*content, path);
  if (!seed) return fail(std::move(seed).error());
  return std::optional(*std::move(seed));
}

}  // namespace

Result<std::optional<MachineSeed>> find_machine_seed(os::Files& files, const CachePlaces& places) {
  auto own = own_seed(files, places);
  if (!own) return fail(std::move(own).error());
  auto peer = peer_seed(files, places);
  if (!peer) return fail(std::move(peer).error());
  if (!*own && !*peer) return std::optional<MachineSeed>();
  MachineSeed seed;
  seed.of_peer = *peer && (!*own || **own == **peer);
  seed.text = *own ? **own : **peer;
  return std::optional(std::move(seed));
}

Result<MachineSeed> machine_seed(os::Files& files, const CachePlaces& places, Random& random) {
  auto own = own_seed(files, places);
  if (!own) return fail(std::move(own).error());
  if (!*own) {
    auto peer = peer_seed(files, places);
    if (!peer) return fail(std::move(peer).error());
    const std::string text = *peer ? **peer : random_hex("node_", kSeedBytes, random);
    auto made = files.make_private_directory(places.own);
    if (made) made = files.create(places.own / kFileName, text + "\n");
    // Somebody was faster: theirs is the seed.
    if (!made && made.error().code != Code::conflict) return fail(std::move(made).error());
  }
  auto found = find_machine_seed(files, places);
  if (!found) return fail(std::move(found).error());
  if (!*found) {
    return fail(Code::io_error, os::quoted(places.own / kFileName) + " vanished while it was read");
  }
  return **std::move(found);
}

Result<std::optional<std::string>> pinned_seed(os::Files& files, const CachePlaces& places) {
  auto peer = peer_seed(files, places);
  if (!peer || *peer) return peer;
  return own_seed(files, places);
}

}  // namespace relay::token_cache
