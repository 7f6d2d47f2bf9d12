#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace relay::test {

/// All of a file, byte for byte; empty when it cannot be read.
[[nodiscard]] inline std::string bytes_of(const std::filesystem::path& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  // Tests are not optimised: byte by byte this would take long.
  bytes << file.rdbuf();
  return bytes.str();
}

}  // namespace relay::test
