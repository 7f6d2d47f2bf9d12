#pragma once

#include <filesystem>

#include "os/environment.hpp"

namespace relay::test {

/// A directory tree of one test, removed at the end: a home, the four XDG directories and a
/// temporary directory. The path is short, so that sockets fit in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }

  /// HOME, XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR and TMPDIR point into
  /// the tree (`home`, `config`, `data`, `state`, `run`, `tmp`); of the caller's environment there
  /// is only PATH and what sanitizers need.
  [[nodiscard]] os::Environment environment() const;

 private:
  std::filesystem::path path_;
};

}  // namespace relay::test
