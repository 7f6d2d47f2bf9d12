#include "token_cache/places.hpp"

#include <fmt/format.h>

#include "os/file_rules.hpp"

namespace relay::token_cache {

CachePlaces cache_places(const os::UserPaths& paths) {
  CachePlaces places;
  places.own = paths.data;
  places.peer = paths.data.parent_path() / "agent-relay";
  places.user = paths.user;
  return places;
}

Result<std::string> read_peer_file(os::Files& files, const CachePlaces& places,
                                   const os::Path& path) {
  auto info = files.stat(path);
  if (!info) return fail(std::move(info).error());
  constexpr unsigned kOthersRead = 0044;
  os::FileInfo strict = *info;
  strict.mode &= ~kOthersRead;
  if (auto refused = os::refuse_private_file(strict, path, places.user)) {
    return fail(*std::move(refused));
  }
  return files.read(path, kCacheFileMost);
}

}  // namespace relay::token_cache
