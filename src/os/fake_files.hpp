#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "os/files.hpp"

namespace relay::os {

/// A disk in memory for tests, whose steps can fail and which can lose power. It keeps what was
/// synced apart from what was only written. `replace` and `create` are the real algorithm
/// (os/file_steps.hpp). Paths are absolute; "/" is there. Our user id is 1000.
class FakeFiles final : public Files {
 public:
  static constexpr uid_t kUs = 1000;

  enum class Fault { no_space, io_error, power_cut };

  /// What a power cut leaves. Real file systems may do any of these.
  enum class Kept {
    synced_only,
    /// Names as they were last, but of the contents only what was synced.
    names,
    everything,
  };

  explicit FakeFiles(const Clock& clock);
  ~FakeFiles() override;

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
  Result<void> make_runtime_directory(const Path& path) override {
    return make_private_directory(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const Path& path, std::string_view note) override;

  /// Every open, write, sync, rename, … is a step. The `nth` from now (1 is the next) fails, once,
  /// and does nothing; after a power cut everything fails until `restart`.
  void fail_step(std::size_t nth, Fault fault);
  /// How many steps there were so far.
  [[nodiscard]] std::size_t steps() const;
  /// From now on reading this file fails with EIO.
  void break_reading(const Path& path);
  /// The machine starts again after a power cut. Locks are gone.
  void restart(Kept kept);
  /// Puts something there without any of the rules, and synced.
  void plant(const Path& path, std::string content, unsigned mode = 0600, uid_t owner = kUs,
             FileKind kind = FileKind::regular);

 private:
  class Disk;
  std::unique_ptr<Disk> disk_;
};

}  // namespace relay::os
