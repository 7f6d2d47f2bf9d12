#include "pty/keeper/connection.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <utility>

namespace relay::pty::keeper {
namespace {

bool would_block(int error) {
  return error == EAGAIN || error == EINTR;
}

ssize_t send_with(int socket, std::string_view bytes, int master) {
  // sendmsg only reads it.
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT(*-const-cast)
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (master >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof master);
    std::memcpy(CMSG_DATA(header), &master, sizeof master);
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

std::optional<Request> Connection::receive() {
  std::array<char, 16384> piece;
  for (;;) {
    if (broken_) return std::nullopt;
    const auto frame = received_.next();
    if (!frame || *frame) {
      auto request = frame ? decode_request(**frame) : fail(frame.error());
      if (request) return *std::move(request);
      send(Problem{request.error().message});
      broken_ = true;
      return std::nullopt;
    }
    // Descriptors that a broker sends are dropped by the kernel: there is no room for them.
    const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && would_block(errno)) return std::nullopt;
    if (got <= 0) {
      broken_ = true;
      return std::nullopt;
    }
    received_.append({piece.data(), static_cast<std::size_t>(got)});
  }
}

bool Connection::push(std::string_view bytes, std::size_t& sent, int master) {
  while (sent < bytes.size()) {
    const ssize_t n = send_with(socket_.get(), bytes.substr(sent), sent == 0 ? master : -1);
    if (n < 0) {
      // Too many descriptors on their way is a reader that is behind, like a full buffer.
      if (!would_block(errno) && errno != ETOOMANYREFS) broken_ = true;
      return false;
    }
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

void Connection::send(const Report& report, int master) {
  if (broken_) return;
  Unsent item;
  if (!encode(report, item.bytes)) {
    broken_ = true;
    return;
  }
  if (unsent_.empty() && push(item.bytes, item.sent, master)) return;
  if (broken_) return;
  if (master >= 0 && item.sent == 0) {
    item.master = os::Fd(::fcntl(master, F_DUPFD_CLOEXEC, 3));
    if (!item.master) {
      broken_ = true;
      return;
    }
  }
  unsent_bytes_ += item.bytes.size();
  unsent_.push_back(std::move(item));
  if (unsent_bytes_ > kMostUnsent || unsent_.size() > kMostMastersUnsent) broken_ = true;
}

void Connection::flush() {
  while (!broken_ && !unsent_.empty()) {
    Unsent& item = unsent_.front();
    if (!push(item.bytes, item.sent, item.master.get())) return;
    unsent_bytes_ -= item.bytes.size();
    unsent_.pop_front();
  }
}

}  // namespace relay::pty::keeper
