#pragma once

#include "base/random.hpp"
#include "os/files.hpp"

namespace relay::os {

/// The real disk. `random` names the temporary files; it outlives this.
class PosixFiles final : public Files {
 public:
  explicit PosixFiles(Random& random) : random_(random) {}

  Result<std::string> read(const Path& path, std::size_t at_most) override;
  Result<std::string> read_private(const Path& path, std::size_t at_most) override;
  Result<void> replace(const Path& path, std::string_view content) override;
  Result<void> put(const Path& path, std::string_view content) override;
  Result<void> create(const Path& path, std::string_view content) override;
  Result<void> append(const Path& path, std::string_view content, bool sync) override;
  Result<bool> remove(const Path& path) override;
  Result<FileInfo> stat(const Path& path) override;
  Result<std::vector<std::string>> list(const Path& directory) override;
  Result<void> make_private_directory(const Path& path) override;
  Result<void> make_runtime_directory(const Path& path) override;
  /// Waits until the directory and the five above it have their entries on disk, as far as we may
  /// read them and their file system can do that: whoever made them may not have waited.
  static Result<void> await_directories(const Path& path);
  Result<std::unique_ptr<FileLock>> lock(const Path& path, std::string_view note) override;

 private:
  Random& random_;
};

}  // namespace relay::os
