#include "broker/message_files.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace relay::broker {

Result<void> keep_message_file(os::Files& files, const os::Path& path, std::string_view body) {
  const os::Path directory = path.parent_path();
  auto made = files.make_private_directory(directory);
  if (made) made = files.put(path, body);
  if (!made) return made;
  const auto names = files.list(directory);
  if (!names) return fail(names.error());
  std::vector<std::pair<Wall, std::string>> kept;
  for (const std::string& name : *names) {
    if (!name.starts_with(kMessageFilePrefix) || name == path.filename()) continue;
    const auto info = files.stat(directory / name);
    if (info) kept.emplace_back(info->changed, name);
  }
  std::sort(kept.begin(), kept.end());
  for (std::size_t i = 0; i + kMostMessageFiles - 1 < kept.size(); ++i) {
    (void)files.remove(directory / kept[i].second);
  }
  return {};
}

}  // namespace relay::broker
