#include "cli/agent_names.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <string_view>

#include "base/ids.hpp"
#include "base/printable.hpp"
#include "wire/names.hpp"

namespace relay::cli {

std::string agent_name_for(const std::string& program, Random& random) {
  std::string base = std::filesystem::path(program).filename().string();
  for (char& c : base) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!fine) c = '-';
  }
  while (!base.empty() && base.front() == '-') base.erase(base.begin());
  if (base.empty()) base = "agent";
  return base.substr(0, 40) + "-" + random_hex("", 2, random);
}

Result<void> check_channel_name(const std::string& name) {
  const std::string_view bare = std::string_view(name).substr(name.starts_with('#') ? 1 : 0);
  if (wire::is_channel_name(bare)) return {};
  return fail(Code::invalid_argument, fmt::format("'{}' is no name of a channel", printable(name)),
              "one has lower-case letters, digits and hyphens, and no hyphen first: build-2");
}

}  // namespace relay::cli
