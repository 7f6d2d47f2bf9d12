#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

#include "base/result.hpp"
#include "os/files.hpp"

namespace relay::os {

/// The single steps of a change on disk, so that `write_whole` is the same code on the real disk
/// and on the fake one, which can fail or lose power at every step. Each returns what the system
/// call does, with -errno for an error. The caller retries nothing but what is said here.
class FileSteps {
 public:
  virtual ~FileSteps() = default;
  /// A new file, 0600, for writing (O_EXCL, O_NOFOLLOW, O_CLOEXEC): a handle.
  virtual int open_new(const Path& path) = 0;
  /// How many bytes went out; EINTR is handled inside.
  virtual ssize_t write(int file, std::string_view bytes) = 0;
  virtual int sync(int file) = 0;
  virtual int close(int file) = 0;
  virtual int rename(const Path& from, const Path& to) = 0;
  /// A second name for a file; EEXIST when `to` is taken.
  virtual int link(const Path& from, const Path& to) = 0;
  virtual int unlink(const Path& path) = 0;
  virtual int sync_directory(const Path& path) = 0;
};

enum class Existing { replaced, kept };
enum class Lasting { power_cut, crash };

/// Writes all of it: 0 or -errno.
[[nodiscard]] int write_all(FileSteps& steps, int file, std::string_view content);

/// `Files::replace` (Existing::replaced), `Files::create` (Existing::kept), and `Files::put`, which
/// is to last beyond a crash only. `unique` makes the temporary name one that no other writer uses.
[[nodiscard]] Result<void> write_whole(FileSteps& steps, const Path& path, std::string_view content,
                                       Existing existing, std::string_view unique,
                                       Lasting lasting = Lasting::power_cut);

/// The name under which a file is written before it gets its own: ".<name>.<unique>.tmp".
[[nodiscard]] std::string temporary_name(std::string_view name, std::string_view unique);
[[nodiscard]] bool is_temporary_name(std::string_view name);

}  // namespace relay::os
