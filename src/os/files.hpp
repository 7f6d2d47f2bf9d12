#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace relay::os {

using Path = std::filesystem::path;

enum class FileKind { regular, directory, link, other };

struct FileInfo {
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  /// The permission bits only, as chmod takes them.
  unsigned mode = 0;
  uid_t owner = 0;
  /// How many hard links there are.
  std::uint64_t names = 1;
  Wall changed;
};

/// A lock file that is held until this is destroyed or the process ends, however it ends. The file
/// itself stays: removing it would let two processes hold "the" lock.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// The disk, as the rest of the program sees it. Every call may block: off the loop thread, please,
/// or where a small file on a local disk is all there is.
///
/// What is written is ours alone: files 0600, directories 0700, whatever the umask. Errors:
/// not_found for what is missing, unsafe_file for what someone else could have put there or could
/// read (the message names the file, the hint the mend), too_large, disk_full, and io_error with
/// the system's reason for the rest.
class Files {
 public:
  virtual ~Files() = default;

  /// The content of a regular file that needs no protection; symbolic links are followed. More than
  /// `at_most` bytes are an error, not a cut.
  virtual Result<std::string> read(const Path& path, std::size_t at_most) = 0;

  /// The content of a file that holds a secret or decides about one. Refused unless it is a regular
  /// file (no link, FIFO, device or directory) with one name, owned by us and without any
  /// permission for group and others. "Us" is the effective user; a file of root's is refused too,
  /// because we never have one and reading it would need a permission that is refused anyway. Does
  /// not hang on a FIFO.
  virtual Result<std::string> read_private(const Path& path, std::size_t at_most) = 0;

  /// Puts a whole new file in the place of whatever is at `path` (a symbolic link is replaced, not
  /// followed). After a failure or a crash at any moment the old content or the new one is there,
  /// whole; when this returns without an error the new one survives a power cut. The one exception:
  /// when the last step, the sync of the directory, fails, the new content is in place but may not
  /// survive.
  virtual Result<void> replace(const Path& path, std::string_view content) = 0;

  /// Like `replace` for what is worth nothing after a power cut (sockets' addresses, tokens of
  /// programs that run): every reader sees the old content or the new one, whole, and the disk is
  /// not waited for.
  virtual Result<void> put(const Path& path, std::string_view content) = 0;

  /// Like `replace`, but never overwrites: `conflict` when anything is at `path`, and of several
  /// who try at once exactly one succeeds. Nobody ever sees a part of the content.
  virtual Result<void> create(const Path& path, std::string_view content) = 0;

  /// Adds to the end of a private file, which is made if it is missing; `sync` waits for the disk.
  /// After a failed write the part that was written is cut off again, so a file has one writer.
  virtual Result<void> append(const Path& path, std::string_view content, bool sync) = 0;

  /// Whether there was something to remove. Directories are not removed.
  virtual Result<bool> remove(const Path& path) = 0;

  /// What is at `path` itself: a link is not followed.
  virtual Result<FileInfo> stat(const Path& path) = 0;

  /// The names in a directory, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const Path& directory) = 0;

  /// Makes the directory and what is missing above it, 0700. An existing one has to be a directory
  /// of ours, not a link. If others may write into it, it is refused, because what is in it could
  /// be theirs; if they may only read it, they no longer may.
  virtual Result<void> make_private_directory(const Path& path) = 0;
  /// The same without waiting for the disk: for what need not outlive this start of the machine, or
  /// is waited for later (`PosixFiles::await_directories`).
  virtual Result<void> make_runtime_directory(const Path& path) = 0;

  /// Takes the lock at once or fails with already_running. `note` (who we are, on one line) is kept
  /// in the file and shown to whom we keep out. The same process can hold a lock only once.
  virtual Result<std::unique_ptr<FileLock>> lock(const Path& path, std::string_view note) = 0;

  /// Removes what crashed writers left in a directory: temporary files that nobody has touched for
  /// `older_than`. How many there were.
  Result<std::size_t> sweep(const Path& directory, Wall now, Duration older_than);
};

}  // namespace relay::os
