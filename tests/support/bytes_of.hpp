#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace relay::test {

/// All of a file, byte for byte; empty when it cannot be read.
[[nodiscard]] inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace relay::test
