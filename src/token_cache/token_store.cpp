#include "token_cache/token_store.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "os/file_rules.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::token_cache {
namespace {

constexpr std::string_view kEnding = ".json";
constexpr std::string_view kLockEnding = ".lock";
constexpr std::string_view kMintEnding = ".minting";
constexpr std::string_view kClaimEnding = ".broker";

}  // namespace

TokenStore::TokenStore(os::Files& files, CachePlaces places)
    : files_(files), places_(std::move(places)) {}

os::Path TokenStore::directory_of(bool of_peer) const {
  return of_peer ? places_.peer / "node-tokens" : places_.own / "nodes";
}

os::Path TokenStore::path_of(std::string_view node_id, bool shared) const {
  return directory_of(shared) / token_file_name(node_id);
}

os::Path TokenStore::beside(std::string_view node_id, std::string_view ending) const {
  std::string name = token_file_name(node_id);
  name.resize(name.size() - kEnding.size());
  return directory_of(false) / (name + std::string(ending));
}

Result<std::string> TokenStore::content_of(const os::Path& path, bool of_peer) {
  if (of_peer) return read_peer_file(files_, places_, path);
  return files_.read_private(path, kCacheFileMost);
}

Result<std::optional<CacheEntry>> TokenStore::find(std::string_view node_id) {
  for (const bool of_peer : {false, true}) {
    CacheEntry entry;
    entry.path = path_of(node_id, of_peer);
    entry.of_peer = of_peer;
    auto content = content_of(entry.path, of_peer);
    if (!content && content.error().code == Code::not_found) continue;
    if (!content && content.error().code == Code::too_large) continue;
    if (!content) return fail(std::move(content).error());
    entry.file = parse_token_file(*content);
    wipe(*content);
    if (!entry.file || entry.file->node_id != node_id) continue;
    const auto info = files_.stat(entry.path);
    if (info) {
      entry.changed = info->changed;
      entry.mode = info->mode;
    }
    return std::optional(std::move(entry));
  }
  return std::optional<CacheEntry>();
}

Result<void> TokenStore::list_into(bool of_peer, std::vector<CacheEntry>& entries) {
  const os::Path directory = directory_of(of_peer);
  auto names = files_.list(directory);
  if (!names && names.error().code == Code::not_found) return {};
  if (!names) return fail(std::move(names).error());
  for (const std::string& name : *names) {
    if (!name.ends_with(kEnding)) continue;
    CacheEntry entry;
    entry.path = directory / name;
    entry.of_peer = of_peer;
    auto content = content_of(entry.path, of_peer);
    if (!content && content.error().code == Code::not_found) continue;
    if (const auto info = files_.stat(entry.path)) {
      entry.changed = info->changed;
      entry.mode = info->mode;
    }
    if (content) {
      entry.file = parse_token_file(*content);
      wipe(*content);
      if (!entry.file) entry.problem = "damaged: it counts as absent";
    } else {
      entry.problem = content.error().message;
    }
    entries.push_back(std::move(entry));
  }
  return {};
}

Result<std::vector<CacheEntry>> TokenStore::list() {
  std::vector<CacheEntry> entries;
  for (const bool of_peer : {false, true}) {
    auto listed = list_into(of_peer, entries);
    if (!listed) return fail(std::move(listed).error());
  }
  return entries;
}

Result<os::Path> TokenStore::save(const TokenFile& file, bool shared) {
  const os::Path path = path_of(file.node_id, shared);
  auto made = files_.make_private_directory(path.parent_path());
  if (!made) return fail(std::move(made).error());
  // Two ids can have one file name; neither may push the other out.
  if (auto content = content_of(path, shared)) {
    const auto there = parse_token_file(*content);
    wipe(*content);
    if (there && there->node_id != file.node_id) {
      return fail(Code::conflict,
                  fmt::format("{} holds the token of node {}", os::quoted(path), there->node_id),
                  "relay-broker token clear removes it");
    }
  }
  std::string text = token_file_text(file);
  auto written = files_.replace(path, text);
  wipe(text);
  if (!written) return fail(std::move(written).error());
  // An older copy of ours would be found first.
  if (shared) {
    auto gone = files_.remove(path_of(file.node_id, false));
    if (!gone) return fail(std::move(gone).error());
  }
  return path;
}

Result<bool> TokenStore::remove(std::string_view node_id) {
  bool any = false;
  for (const bool of_peer : {false, true}) {
    const os::Path path = path_of(node_id, of_peer);
    if (auto content = content_of(path, of_peer)) {
      const auto there = parse_token_file(*content);
      wipe(*content);
      if (there && there->node_id != node_id) continue;
    }
    auto gone = files_.remove(path);
    if (!gone) return fail(std::move(gone).error());
    any = any || *gone;
  }
  return any;
}

Result<void> TokenStore::remove_file(const CacheEntry& entry) {
  auto gone = files_.remove(entry.path);
  if (!gone) return fail(std::move(gone).error());
  return {};
}

Result<void> TokenStore::tighten(const CacheEntry& entry) {
  os::FileInfo info;
  info.mode = entry.mode;
  if (!entry.of_peer || !entry.file || !os::others_may_use(info)) return {};
  std::string text = token_file_text(*entry.file);
  auto written = files_.replace(entry.path, text);
  wipe(text);
  return written;
}

Result<std::unique_ptr<os::FileLock>> TokenStore::lock(std::string_view node_id) {
  auto made = files_.make_private_directory(directory_of(false));
  if (!made) return fail(std::move(made).error());
  return files_.lock(beside(node_id, kLockEnding), fmt::format("process {}", ::getpid()));
}

Result<std::unique_ptr<os::FileLock>> TokenStore::claim(std::string_view node_id,
                                                        std::string_view who) {
  auto made = files_.make_private_directory(directory_of(false));
  if (!made) return fail(std::move(made).error());
  return files_.lock(beside(node_id, kClaimEnding), who);
}

Result<void> TokenStore::begin_mint(std::string_view node_id, std::string_view engine) {
  auto made = files_.make_private_directory(directory_of(false));
  if (!made) return made;
  return files_.replace(beside(node_id, kMintEnding), fmt::format("{}\n{}\n", node_id, engine));
}

Result<void> TokenStore::end_mint(std::string_view node_id) {
  auto gone = files_.remove(beside(node_id, kMintEnding));
  if (!gone) return fail(std::move(gone).error());
  return {};
}

Result<bool> TokenStore::mint_pending(std::string_view node_id) {
  const auto info = files_.stat(beside(node_id, kMintEnding));
  if (info) return true;
  if (info.error().code == Code::not_found) return false;
  return fail(info.error());
}

std::vector<CacheEntry> of_directory(const std::vector<CacheEntry>& entries,
                                     const std::optional<MachineSeed>& seed,
                                     const os::Path& directory, std::string_view engine) {
  std::vector<CacheEntry> found;
  for (const CacheEntry& entry : entries) {
    if (!entry.file) continue;
    const TokenFile& file = *entry.file;
    if (!engine.empty() && !file.engine.empty() && file.engine != engine) continue;
    bool here = file.directory == directory.native();
    if (!here && file.directory.empty() && seed) {
      here = file.node_id == derived_node_id(seed->text, directory, file.workspace_id);
      // A node of an old agent-relay-broker is taken over only when its workspace is known.
      here = here ||
             (!file.workspace_id.empty() && file.node_id == peer_node_id(seed->text, directory));
    }
    if (!here) continue;
    bool known = false;
    for (const CacheEntry& other : found) known = known || other.file->node_id == file.node_id;
    if (!known) found.push_back(entry);
  }
  return found;
}

}  // namespace relay::token_cache
