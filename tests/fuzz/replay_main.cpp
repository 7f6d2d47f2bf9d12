// Runs a fuzz target over the files of its corpus, so that every input that ever mattered is a
// plain test with any compiler. `fuzz-corpus TARGET DIRECTORY`
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"
#include "support/bytes_of.hpp"

int main(int argc, char** argv) {
  relay::fuzz::Run* const run = argc == 3 ? relay::fuzz::target(argv[1]) : nullptr;
  if (run == nullptr) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2]))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string input = relay::test::bytes_of(file);
    run(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    // What a parser does with an input that is cut is worth as much as what it does with the whole.
    for (std::size_t cut = 0; cut < std::min<std::size_t>(input.size(), 256); ++cut) {
      run(reinterpret_cast<const std::uint8_t*>(input.data()), cut);
    }
  }
  std::printf("%zu corpus files replayed\n", files.size());
  return files.empty() ? 1 : 0;
}
