// What the source tree promises about itself: arrows point down, files stay small, heavy headers
// stay out of ours. Reads the sources as text.
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace relay {
namespace {

namespace fs = std::filesystem;

/// A module may include modules of a smaller number, and itself.
const std::map<std::string, int> kLevels{
    {"base", 0},        {"os", 1},     {"net", 2},       {"wire", 3}, {"storage", 3},
    {"token_cache", 4}, {"pty", 4},    {"workspace", 4}, {"mcp", 4},  {"node_control", 5},
    {"broker", 6},      {"engine", 6}, {"cli", 7},
};

/// Broker and engine meet on the wire only, also inside one process.
const std::map<std::string, std::set<std::string>> kNever{
    {"engine", {"broker", "node_control", "pty", "token_cache"}},
    {"wire", {"net", "os"}},
};

const std::size_t kMostLines = 600;
const std::size_t kMostLinesOfMain = 60;

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> sources_under(const fs::path& dir) {
  std::vector<fs::path> files;
  if (!fs::exists(dir)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    const auto extension = entry.path().extension();
    const bool ours = entry.path().string().find("node_modules") == std::string::npos;
    if (ours && (extension == ".cpp" || extension == ".hpp")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> included_by(const fs::path& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*["<]([^">]+)[">])");
  std::vector<std::string> found;
  for (const auto& line : lines_of(file)) {
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) found.push_back(match[1]);
  }
  return found;
}

std::string module_of(const std::string& path) {
  return path.substr(0, path.find('/'));
}

/// The arrows of one file that the layering forbids, as "net/x.cpp -> wire/y.hpp".
std::vector<std::string> forbidden_arrows(const std::string& file,
                                          const std::vector<std::string>& includes) {
  std::vector<std::string> found;
  const auto from = kLevels.find(module_of(file));
  if (from == kLevels.end()) return found;
  for (const auto& include : includes) {
    const auto to = kLevels.find(module_of(include));
    if (to == kLevels.end() || to->first == from->first) continue;
    const auto never = kNever.find(from->first);
    const bool banned = never != kNever.end() && never->second.count(to->first) != 0;
    if (banned || to->second >= from->second) found.push_back(file + " -> " + include);
  }
  return found;
}

const fs::path kRoot = RELAY_BROKER_SOURCE_ROOT;

}  // namespace

TEST_CASE("includes point down only") {
  for (const auto& file : sources_under(kRoot / "src")) {
    const auto name = fs::relative(file, kRoot / "src").string();
    const auto arrows = forbidden_arrows(name, included_by(file));
    for (const auto& arrow : arrows) FAIL_CHECK("an include points up: " << arrow);
  }
}

TEST_CASE("the check of the arrows sees one that points up, sideways, or across the wire") {
  CHECK(forbidden_arrows("net/x.cpp", {"wire/frames.hpp"}).size() == 1);
  CHECK(forbidden_arrows("base/x.hpp", {"os/files.hpp"}).size() == 1);
  CHECK(forbidden_arrows("engine/x.cpp", {"pty/session.hpp", "broker/agents.hpp"}).size() == 2);
  CHECK(forbidden_arrows("pty/x.cpp", {"workspace/git.hpp"}).size() == 1);
  CHECK(forbidden_arrows("wire/x.cpp", {"net/stream.hpp"}).size() == 1);
  CHECK(forbidden_arrows("cli/x.cpp", {"broker/a.hpp", "engine/b.hpp", "base/c.hpp", "vector"})
            .empty());
}

TEST_CASE("what decides in the engine knows no loop, socket, file or table") {
  static const std::regex kOutside(R"(^(asio|net/|os/|storage/|sqlite3|engine/store/.+/))");
  for (const auto& folder : {kRoot / "src/engine", kRoot / "src/engine/store"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      for (const auto& include : included_by(entry.path())) {
        CAPTURE(entry.path().string());
        CAPTURE(include);
        CHECK_FALSE(std::regex_search(include, kOutside));
      }
    }
  }
}

TEST_CASE("every module of src has its level") {
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().string());
    CHECK(kLevels.count(entry.path().filename().string()) == 1);
  }
}

TEST_CASE("no file is longer than 600 lines, main.cpp no longer than 60") {
  for (const char* dir : {"src", "tests"}) {
    for (const auto& file : sources_under(kRoot / dir)) {
      CAPTURE(file.string());
      CHECK(lines_of(file).size() <= kMostLines);
    }
  }
  CHECK(lines_of(kRoot / "src/main.cpp").size() <= kMostLinesOfMain);
}

TEST_CASE("headers of ours show no heavy library, but those inside one module") {
  static const std::regex kHeavy(
      R"(^(asio\.hpp|asio/(generic|ip|ssl|local|experimental|io_context|co_spawn|steady_timer|posix)|websocketpp/|CLI/|simdjson|openssl/|curl/|http_parser|sqlite3|fmt/))");
  std::set<std::string> inside;
  const auto sources = sources_under(kRoot / "src");
  for (const auto& file : sources) {
    if (file.extension() != ".hpp") continue;
    const auto name = fs::relative(file, kRoot / "src").string();
    const auto lines = lines_of(file);
    const auto mark = "// Internal to " + module_of(name) + "/";
    const bool internal = std::any_of(lines.begin(), lines.end(),
                                      [&](const auto& line) { return line.starts_with(mark); });
    if (internal) inside.insert(name);
    for (const auto& include : included_by(file)) {
      CAPTURE(name);
      CAPTURE(include);
      CHECK((internal || !std::regex_search(include, kHeavy)));
    }
  }
  for (const auto& file : sources) {
    const auto name = fs::relative(file, kRoot / "src").string();
    for (const auto& include : included_by(file)) {
      if (inside.count(include) == 0) continue;
      CAPTURE(name);
      CAPTURE(include);
      CHECK(module_of(name) == module_of(include));
      CHECK((file.extension() == ".cpp" || inside.count(name) == 1));
    }
  }
}

TEST_CASE("every source is named in a build file of its folder or the one above") {
  for (const char* dir : {"src", "tests"}) {
    for (const auto& file : sources_under(kRoot / dir)) {
      if (file.extension() != ".cpp") continue;
      std::string named;
      for (const auto& folder : {file.parent_path(), file.parent_path().parent_path()}) {
        for (const auto& line : lines_of(folder / "meson.build")) named += line + "\n";
      }
      auto stem = file.stem().string();
      if (stem.ends_with("_fuzz")) stem.resize(stem.size() - 5);
      CAPTURE(file.string());
      CHECK(named.find(stem) != std::string::npos);
    }
  }
}

}  // namespace relay
