#include "pty/keeper/question.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/fd.hpp"
#include "pty/keeper/codec.hpp"

namespace relay::pty::keeper {
namespace {

Error no_keeper() {
  return {Code::broker_not_running, "no keeper listens there"};
}

os::Fd connect_to(const os::Path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (!fd || ::connect(fd.get(), where, sizeof address) != 0) return {};
  return fd;
}

/// False when the time was over.
bool wait_readable(const os::Fd& fd, Monotonic deadline) {
  for (;;) {
    const Duration left = deadline - SystemClock().now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    if (ms <= 0) return false;
    pollfd waiting{fd.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(ms));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

Result<std::vector<SessionFacts>> ask_sessions(const os::Path& socket, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  const os::Fd fd = connect_to(socket);
  if (!fd) return fail(no_keeper());
  List question;
  question.request = 1;
  std::string wire;
  if (auto encoded = encode(Request(question), wire); !encoded) return fail(encoded.error());
  // A few bytes into a fresh socket: they fit.
  if (::send(fd.get(), wire.data(), wire.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(wire.size())) {
    return fail(no_keeper());
  }
  FrameBuffer frames;
  std::array<char, 4096> buffer{};
  for (;;) {
    auto frame = frames.next();
    if (!frame) return fail(std::move(frame).error());
    if (*frame) {
      auto report = decode_report(**frame);
      if (!report) return fail(std::move(report).error());
      auto* listing = std::get_if<Listing>(&*report);
      if (listing != nullptr) return std::move(listing->sessions);
      return fail(Code::protocol_error, "the keeper gave another answer");
    }
    if (!wait_readable(fd, deadline)) return fail(Code::timeout, "the keeper does not answer");
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return fail(no_keeper());
    frames.append({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace relay::pty::keeper
