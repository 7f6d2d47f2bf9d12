#include "interop/cut_line.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace relay::test {
namespace {

/// Whoever does not read for so long is cut off.
constexpr timeval kSendTime{5, 0};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

os::Fd tcp_socket() {
  os::Fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (made.get() < 0) throw std::runtime_error("no socket");
  ::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTime, sizeof kSendTime);
  return made;
}

bool send_all(int to, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

CutLine::CutLine(std::uint16_t to)
    : to_(to), listener_(tcp_socket()), waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  const bool listens = ::bind(listener_.get(), plain, size) == 0 &&
                       ::listen(listener_.get(), 64) == 0 &&
                       ::getsockname(listener_.get(), plain, &size) == 0;
  if (!listens) throw std::runtime_error("no port for the line");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

CutLine::~CutLine() {
  over_ = true;
  wake();
  thread_.join();
}

void CutLine::cut() {
  cut_ = true;
  wake();
}

void CutLine::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(waker_.get(), &one, sizeof one);
}

void CutLine::take_one() {
  os::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (client.get() < 0) return;
  ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTime, sizeof kSendTime);
  os::Fd server = tcp_socket();
  auto address = loopback(to_);
  // While nobody listens behind it the client is hung up on.
  if (::connect(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  pairs_.push_back({std::move(client), std::move(server)});
}

bool CutLine::pass(Pair& pair, bool from_client) const {
  std::string text(std::size_t{64} << 10, '\0');
  const int from = from_client ? pair.client.get() : pair.server.get();
  const auto got = ::recv(from, text.data(), text.size(), 0);
  if (got <= 0) return false;
  text.resize(static_cast<std::size_t>(got));
  if (from_client) {
    const std::string ours = "127.0.0.1:" + std::to_string(port_);
    const auto at = text.find(ours);
    if (at != std::string::npos) {
      text.replace(at, ours.size(), "127.0.0.1:" + std::to_string(to_));
    }
  }
  return send_all(from_client ? pair.server.get() : pair.client.get(), text);
}

void CutLine::serve() {
  while (!over_) {
    if (cut_.exchange(false)) pairs_.clear();
    std::vector<pollfd> waits{{listener_.get(), POLLIN, 0}, {waker_.get(), POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      waits.push_back({pair.client.get(), POLLIN, 0});
      waits.push_back({pair.server.get(), POLLIN, 0});
    }
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    std::uint64_t count = 0;
    (void)!::read(waker_.get(), &count, sizeof count);
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      bool lives = true;
      if (waits[2 + 2 * i].revents != 0) lives = pass(pairs_[i], true);
      if (lives && waits[3 + 2 * i].revents != 0) lives = pass(pairs_[i], false);
      if (!lives) pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (waits[0].revents != 0) take_one();
  }
}

}  // namespace relay::test
