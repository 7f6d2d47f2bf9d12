#include "support/unix_socket.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <system_error>

#include "support/run_binary.hpp"

namespace relay::test {
namespace {

[[noreturn]] void give_up(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

os::Fd patient(os::Fd socket) {
  const timeval patience{std::chrono::duration_cast<std::chrono::seconds>(kPatience).count(), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return socket;
}

/// A socket, and what binds or connects it.
template <class Call>
os::Fd socket_at(const os::Path& path, int kind, Call call, const char* what) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  errno = ENAMETOOLONG;
  if (text.size() >= sizeof address.sun_path) give_up(what + (" " + text));
  text.copy(std::begin(address.sun_path), text.size());
  os::Fd socket(::socket(AF_UNIX, kind | SOCK_CLOEXEC, 0));
  const auto* const place = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || call(socket.get(), place, sizeof address) != 0) give_up(what + (" " + text));
  return patient(std::move(socket));
}

}  // namespace

os::Fd listen_at(const os::Path& path) {
  os::Fd listener = socket_at(path, SOCK_STREAM, ::bind, "bind");
  if (::listen(listener.get(), 8) != 0) give_up("listen " + path.native());
  return listener;
}

os::Fd accept_from(const os::Fd& listener) {
  os::Fd taken(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!taken) give_up("accept");
  return patient(std::move(taken));
}

os::Fd connect_to(const os::Path& path) {
  return socket_at(path, SOCK_STREAM, ::connect, "connect");
}

os::Fd datagrams_at(const os::Path& path) {
  return socket_at(path, SOCK_DGRAM, ::bind, "bind");
}

}  // namespace relay::test
