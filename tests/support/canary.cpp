#include "support/canary.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "base/ids.hpp"
#include "support/bytes_of.hpp"
#include "support/wait_until.hpp"

namespace relay::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRandomDigits = 32;
/// Long enough to be no chance: 48 random bits.
constexpr std::size_t kTrace = 12;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw std::runtime_error("cannot search " + path.string());
  return content;
}

}  // namespace

Secret Canary::plant(std::string_view prefix) {
  planted_.emplace_back(random_hex(prefix, kRandomDigits / 2, random_));
  return planted_.back();
}

void Canary::allow(const fs::path& file) {
  allowed_.push_back(file.lexically_normal());
}

void Canary::search(std::string_view name, std::string_view text) {
  for (const Secret& secret : planted_) {
    const std::string_view random =
        std::string_view(secret.reveal()).substr(secret.reveal().size() - kRandomDigits);
    for (std::size_t i = 0; i + kTrace <= random.size(); ++i) {
      const std::size_t at = text.find(random.substr(i, kTrace));
      if (at == std::string_view::npos) continue;
      leaks_.push_back(fmt::format("{}: {} at byte {}", name, secret.masked(), at));
      break;
    }
  }
}

void Canary::search_files(const fs::path& root) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const fs::path& path = entry.path();
    search("name of " + path.string(), path.filename().string());
    if (entry.is_symlink()) {
      search("target of " + path.string(), fs::read_symlink(path).string());
    } else if (entry.is_regular_file() && std::find(allowed_.begin(), allowed_.end(),
                                                    path.lexically_normal()) == allowed_.end()) {
      search(path.string(), content_of(path));
    }
  }
}

namespace {

/// Whether the process exists and is no zombie: the letter behind the name in its stat.
bool lives(const fs::path& proc) {
  const std::string stat = bytes_of(proc / "stat");
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() &&
         std::string_view("ZX").find(stat[name_end + 2]) == std::string_view::npos;
}

}  // namespace

void Canary::search_process(pid_t pid) {
  const fs::path proc = fs::path("/proc") / std::to_string(pid);
  for (const char* part : {"cmdline", "environ"}) {
    std::string content;
    // Both are empty for a moment while a process replaces its program, and for good when it has
    // ended.
    const auto is_there = [&] {
      content = content_of(proc / part);
      return !content.empty() || !lives(proc);
    };
    wait_until(is_there, "something in " + (proc / part).string());
    if (content.empty()) throw std::runtime_error("nothing to search in " + (proc / part).string());
    search((proc / part).string(), content);
  }
}

}  // namespace relay::test
