#include "cli/agent_names.hpp"

#include <filesystem>

#include "base/ids.hpp"

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

}  // namespace relay::cli
