#include "os/posix_files.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>

#include "base/ids.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/file_rules.hpp"
#include "os/file_steps.hpp"

namespace relay::os {
namespace {

constexpr mode_t kPrivateFile = 0600;
constexpr mode_t kPrivateDirectory = 0700;
/// What a lock file is read up to, when its holder is named in a message.
constexpr std::size_t kLongestNote = 200;

/// -errno of a call that returned -1, else what it returned.
template <class T>
T or_errno(T returned) {
  return returned < 0 ? static_cast<T>(-errno) : returned;
}

Fd open_fd(const Path& path, int flags) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, kPrivateFile);
    if (fd >= 0 || errno != EINTR) return Fd(fd);
  }
}

class PosixSteps final : public FileSteps {
 public:
  int open_new(const Path& path) override {
    Fd file = open_fd(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    if (!file) return -errno;
    // A strange umask can take even our own permissions away.
    if (::fchmod(file.get(), kPrivateFile) != 0) return -errno;
    return file.release();
  }
  ssize_t write(int file, std::string_view bytes) override {
    for (;;) {
      const ssize_t written = ::write(file, bytes.data(), bytes.size());
      if (written >= 0 || errno != EINTR) return or_errno(written);
    }
  }
  int sync(int file) override { return or_errno(::fsync(file)); }
  int close(int file) override { return or_errno(::close(file)); }
  int rename(const Path& from, const Path& to) override {
    return or_errno(::rename(from.c_str(), to.c_str()));
  }
  int link(const Path& from, const Path& to) override {
    // A rename that never overwrites: unlike a link it leaves no moment in which the file has two
    // names, which a reader refuses. Some file systems lack it.
    const int moved =
        or_errno(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE));
    const int kind = moved < 0 ? -moved : moved;
    if (kind != EINVAL && kind != ENOSYS) return moved;
    return or_errno(::link(from.c_str(), to.c_str()));
  }
  int unlink(const Path& path) override { return or_errno(::unlink(path.c_str())); }
  int sync_directory(const Path& path) override {
    const Fd directory = open_fd(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return -errno;
    return or_errno(::fsync(directory.get()));
  }
};

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::regular;
  if (S_ISDIR(mode)) return FileKind::directory;
  if (S_ISLNK(mode)) return FileKind::link;
  return FileKind::other;
}

FileInfo info_from(const struct stat& from) {
  FileInfo info;
  info.kind = kind_of(from.st_mode);
  info.size = static_cast<std::uint64_t>(from.st_size);
  info.mode = from.st_mode & 07777U;
  info.owner = from.st_uid;
  info.names = from.st_nlink;
  info.changed = Wall(std::chrono::seconds(from.st_mtim.tv_sec) +
                      std::chrono::nanoseconds(from.st_mtim.tv_nsec));
  return info;
}

Result<FileInfo> info_of(const Fd& fd, const Path& path) {
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) {
    return fail(errno_error(errno, "cannot look at " + quoted(path)));
  }
  return info_from(info);
}

struct PrivateFile {
  Fd fd;
  FileInfo info;
};

/// Opens without following a link in the last part and without waiting for a FIFO's other end, and
/// refuses what is not safe.
Result<PrivateFile> open_private(const Path& path, int flags) {
  Fd fd = open_fd(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    const int error = errno;
    // The last two: a FIFO, a socket or a directory that was to be opened for writing.
    if (error == ELOOP || error == ENXIO || error == EISDIR) {
      FileInfo info;
      info.kind = error == ELOOP ? FileKind::link : FileKind::other;
      return fail(*refuse_private_file(info, path, ::geteuid()));
    }
    return fail(errno_error(error, "cannot open " + quoted(path)));
  }
  auto info = info_of(fd, path);
  if (!info) return fail(std::move(info).error());
  if (auto refused = refuse_private_file(*info, path, ::geteuid())) {
    return fail(*std::move(refused));
  }
  return PrivateFile{std::move(fd), *info};
}

Result<std::string> read_all(const Fd& file, const Path& path, std::size_t at_most) {
  std::string content;
  constexpr std::size_t kPiece = 16 * 1024;
  for (;;) {
    const std::size_t had = content.size();
    content.resize(std::min(had + kPiece, at_most + 1));
    const ssize_t n = ::read(file.get(), content.data() + had, content.size() - had);
    if (n < 0 && errno == EINTR) {
      content.resize(had);
      continue;
    }
    if (n < 0) return fail(errno_error(errno, "cannot read " + quoted(path)));
    content.resize(had + static_cast<std::size_t>(n));
    if (n == 0) return content;
    if (content.size() > at_most) {
      return fail(too_large(path, at_most));
    }
  }
}

Error cannot_make(const Path& path, int error) {
  Error out = errno_error(error, "cannot make " + quoted(path));
  if (error == EACCES || error == EROFS || error == EPERM) {
    out.hint = "set HOME, or XDG_STATE_HOME and XDG_DATA_HOME, to a place that you may write to";
  }
  return out;
}

/// The directory and what is missing above it; one that is there already is not looked at.
Result<void> make_missing(const Path& path, bool sync) {
  const Path above = path.has_parent_path() ? path.parent_path() : Path(".");
  int made = ::mkdir(path.c_str(), kPrivateDirectory);
  if (made != 0 && errno == ENOENT && above != path && above != ".") {
    auto result = make_missing(above, sync);
    if (!result) return result;
    made = ::mkdir(path.c_str(), kPrivateDirectory);
  }
  if (made != 0 && errno == EEXIST) return {};
  // A strange umask can take even our own permissions away.
  if (made != 0 || ::chmod(path.c_str(), kPrivateDirectory) != 0) {
    return fail(cannot_make(path, errno));
  }
  if (!sync) return {};
  PosixSteps steps;
  const int error = steps.sync_directory(above);
  // Where we may make a directory but not read the one above it, that cannot be synced.
  if (error != 0 && error != -EACCES) return fail(cannot_make(path, -error));
  return {};
}

/// Without a slash at its end.
Path directory_named(const Path& path) {
  return path.has_filename() ? path : path.parent_path();
}

/// Sees to it that only we can use one that is there.
Result<void> make_private(const Path& wanted) {
  const Fd directory = open_fd(wanted, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory && errno != ENOTDIR && errno != ELOOP) {
    return fail(errno_error(errno, "cannot open " + quoted(wanted)));
  }
  FileInfo info;
  if (directory) {
    auto found = info_of(directory, wanted);
    if (!found) return fail(std::move(found).error());
    info = *found;
  }
  if (auto refused = refuse_private_directory(info, wanted, ::geteuid())) {
    return fail(*std::move(refused));
  }
  if (others_may_use(info) && ::fchmod(directory.get(), kPrivateDirectory) != 0) {
    return fail(errno_error(errno, "cannot change the mode of " + quoted(wanted)));
  }
  return {};
}

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Fd file) : file_(std::move(file)) {}

 private:
  Fd file_;
};

constexpr std::size_t kUniqueBytes = 8;

}  // namespace

Result<std::string> PosixFiles::read(const Path& path, std::size_t at_most) {
  const Fd file = open_fd(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) return fail(errno_error(errno, "cannot open " + quoted(path)));
  const auto info = info_of(file, path);
  if (!info) return fail(info.error());
  if (info->kind != FileKind::regular) {
    return fail(Code::invalid_argument, quoted(path) + " is no regular file");
  }
  return read_all(file, path, at_most);
}

Result<std::string> PosixFiles::read_private(const Path& path, std::size_t at_most) {
  const auto file = open_private(path, O_RDONLY);
  if (!file) return fail(file.error());
  return read_all(file->fd, path, at_most);
}

Result<void> PosixFiles::replace(const Path& path, std::string_view content) {
  PosixSteps steps;
  return write_whole(steps, path, content, Existing::replaced,
                     random_hex("", kUniqueBytes, random_));
}

Result<void> PosixFiles::put(const Path& path, std::string_view content) {
  PosixSteps steps;
  return write_whole(steps, path, content, Existing::replaced,
                     random_hex("", kUniqueBytes, random_), Lasting::crash);
}

Result<void> PosixFiles::create(const Path& path, std::string_view content) {
  PosixSteps steps;
  return write_whole(steps, path, content, Existing::kept, random_hex("", kUniqueBytes, random_));
}

Result<void> PosixFiles::append(const Path& path, std::string_view content, bool sync) {
  const auto file = open_private(path, O_WRONLY | O_APPEND | O_CREAT);
  if (!file) return fail(file.error());
  PosixSteps steps;
  int error = -write_all(steps, file->fd.get(), content);
  if (error != 0) {
    // Half a record is worse than none.
    if (::ftruncate(file->fd.get(), static_cast<off_t>(file->info.size)) != 0) error = errno;
    return fail(errno_error(error, "cannot write " + quoted(path)));
  }
  error = sync ? -steps.sync(file->fd.get()) : 0;
  if (error != 0) return fail(errno_error(error, "cannot write " + quoted(path)));
  return {};
}

Result<bool> PosixFiles::remove(const Path& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return fail(errno_error(errno, "cannot remove " + quoted(path)));
}

Result<FileInfo> PosixFiles::stat(const Path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    return fail(errno_error(errno, "cannot look at " + quoted(path)));
  }
  return info_from(info);
}

Result<std::vector<std::string>> PosixFiles::list(const Path& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(directory.c_str()), ::closedir);
  if (!entries) return fail(errno_error(errno, "cannot list " + quoted(directory)));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(errno_error(errno, "cannot list " + quoted(directory)));
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> PosixFiles::make_private_directory(const Path& path) {
  auto made = make_missing(directory_named(path), true);
  if (!made) return made;
  return make_private(directory_named(path));
}

Result<void> PosixFiles::make_runtime_directory(const Path& path) {
  auto made = make_missing(directory_named(path), false);
  if (!made) return made;
  return make_private(directory_named(path));
}

Result<void> PosixFiles::await_directories(const Path& path) {
  constexpr int kMost = 6;
  PosixSteps steps;
  Path directory = directory_named(path);
  for (int i = 0; i < kMost && directory.has_relative_path(); ++i) {
    directory = directory.parent_path();
    const int error = steps.sync_directory(directory);
    // Not every file system has a way to wait for a directory.
    if (error != 0 && error != -EACCES && error != -EINVAL) return fail(cannot_make(path, -error));
  }
  return {};
}

Result<std::unique_ptr<FileLock>> PosixFiles::lock(const Path& path, std::string_view note) {
  auto file = open_private(path, O_RDWR | O_CREAT);
  if (!file) return fail(std::move(file).error());
  const int fd = file->fd.get();
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(errno_error(errno, "cannot lock " + quoted(path)));
    return fail(already_locked(path, read_all(file->fd, path, kLongestNote).value_or("")));
  }
  PosixSteps steps;
  int error = ::ftruncate(fd, 0) != 0 ? errno : 0;
  if (error == 0) error = -write_all(steps, fd, note.substr(0, kLongestNote));
  if (error != 0) return fail(errno_error(error, "cannot write " + quoted(path)));
  return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(file->fd)));
}

}  // namespace relay::os
