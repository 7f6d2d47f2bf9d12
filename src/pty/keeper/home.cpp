#include "pty/keeper/home.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "os/errno_error.hpp"
#include "os/paths.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"

namespace relay::pty::keeper {
namespace {

constexpr int kBacklog = 16;
constexpr const char* kLockName = "keeper.lock";

}  // namespace

bool was_used(const Place& place) {
  struct stat found{};
  return ::lstat((place.directory / kLockName).c_str(), &found) == 0;
}

Result<std::unique_ptr<os::FileLock>> take_lock(const Place& place) {
  os::SystemRandom random;
  os::PosixFiles files(random);
  if (auto made = files.make_private_directory(place.directory); !made) {
    return fail(std::move(made).error());
  }
  return files.lock(place.directory / kLockName, fmt::format("keeper {}", ::getpid()));
}

Result<os::Fd> listen_at(const os::Path& socket) {
  const std::string path = socket.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() > os::kLongestSocketPath) {
    return fail(Code::invalid_argument, fmt::format("socket path is longer than {} bytes: {}",
                                                    os::kLongestSocketPath, printable(path)));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat found{};
  if (::lstat(path.c_str(), &found) == 0 && !S_ISSOCK(found.st_mode)) {
    return fail(Code::unsafe_file, fmt::format("'{}' is not a socket", printable(path)),
                "move the file away: relay-broker does not overwrite it");
  }
  // We hold the lock: whoever made it has ended.
  ::unlink(path.c_str());
  os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto failed = [&] {
    return fail(os::errno_error(errno, fmt::format("cannot listen on '{}'", printable(path))));
  };
  if (!fd) return failed();
  // Nobody can connect before the mode is right.
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(mask);
  if (bound != 0 || ::listen(fd.get(), kBacklog) != 0) return failed();
  return fd;
}

bool is_our_user(const os::Fd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

}  // namespace relay::pty::keeper
