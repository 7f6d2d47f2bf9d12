#include "fault/bad_link.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "os/fd.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

/// What is read before it has been written; behind that the sender has to wait.
constexpr std::size_t kMostHeld = 256 * 1024;

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

void at_once(int socket) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
}

void reset_at_close(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/// One way of a connection.
struct Way {
  struct Piece {
    Monotonic due;
    std::string bytes;
  };
  std::list<Piece> pieces;
  std::size_t held = 0;
  /// The next slice may be written then.
  Monotonic next{};
  bool ended = false;
  bool end_passed_on = false;
};

struct Connection {
  os::Fd node;
  os::Fd engine;
  Way to_engine;
  Way to_node;
  bool frozen = false;
  bool broken = false;
  /// When the side that is left hears of the end.
  std::optional<Monotonic> closes;
};

}  // namespace

struct BadLink::State {
  explicit State(std::uint16_t port) : to_port(port) {
    listener = os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto address = loopback_address(0);
    socklen_t size = sizeof address;
    auto* const place = reinterpret_cast<sockaddr*>(&address);
    std::array<int, 2> ends{};
    if (::bind(listener.get(), place, size) != 0 || ::listen(listener.get(), 64) != 0 ||
        ::getsockname(listener.get(), place, &size) != 0 ||
        ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
      throw std::runtime_error("no link can be made");
    }
    own_port = ntohs(address.sin_port);
    woken = os::Fd(ends[0]);
    wake = os::Fd(ends[1]);
  }

  void run();
  void accept_one(Monotonic now);
  /// False when the connection is over.
  bool serve(Connection& each, Monotonic now);
  void take_in(Connection& each, bool from_engine, Monotonic now);
  static void give_out(Way& way, const LinkPace& pace, int into, Monotonic now, bool& broken);
  void count_cut(Connection& each, std::size_t bytes, Monotonic now);
  static void end(Connection& each, LinkEnd how, Monotonic now);
  void changed() const { (void)!::write(wake.get(), "x", 1); }

  std::uint16_t to_port;
  std::uint16_t own_port = 0;
  os::Fd listener;
  os::Fd woken;
  os::Fd wake;
  std::list<Connection> connections;

  /// What is told to the thread, and what it tells.
  std::mutex mutex;
  LinkPace pace;
  std::optional<std::size_t> cut_in;
  LinkEnd cut_how = LinkEnd::reset;
  bool frozen = false;
  bool refused = false;
  bool over = false;
  std::atomic<int> tries{0};
  std::atomic<int> cuts{0};
  std::atomic<int> left{0};
  std::thread thread;
};

void BadLink::State::accept_one(Monotonic now) {
  os::Fd node(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!node) return;
  ++tries;
  if (refused) {
    reset_at_close(node.get());
    return;
  }
  Connection made;
  made.node = std::move(node);
  made.engine = os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback_address(to_port);
  const auto* const place = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(made.engine.get(), place, sizeof address) != 0) {
    reset_at_close(made.node.get());
    return;
  }
  at_once(made.node.get());
  at_once(made.engine.get());
  made.frozen = frozen;
  made.to_engine.next = now;
  made.to_node.next = now;
  connections.push_back(std::move(made));
}

void BadLink::State::end(Connection& each, LinkEnd how, Monotonic now) {
  if (how == LinkEnd::reset) {
    reset_at_close(each.node.get());
    reset_at_close(each.engine.get());
  }
  if (how == LinkEnd::slow_close) {
    ::shutdown(each.engine.get(), SHUT_RDWR);
    each.closes = now + 1s;
    return;
  }
  each.broken = true;
}

void BadLink::State::count_cut(Connection& each, std::size_t bytes, Monotonic now) {
  if (!cut_in) return;
  if (bytes < *cut_in) {
    *cut_in -= bytes;
    return;
  }
  // What is in front of the cut still arrives.
  Way& way = each.to_node;
  way.pieces.back().bytes.resize(*cut_in);
  while (!way.pieces.empty() && !each.broken) {
    const std::string& front = way.pieces.front().bytes;
    (void)!::send(each.node.get(), front.data(), front.size(), MSG_NOSIGNAL);
    way.pieces.pop_front();
  }
  cut_in.reset();
  ++cuts;
  end(each, cut_how, now);
}

void BadLink::State::take_in(Connection& each, bool from_engine, Monotonic now) {
  Way& way = from_engine ? each.to_node : each.to_engine;
  std::array<char, 16384> buffer{};
  const int from = from_engine ? each.engine.get() : each.node.get();
  const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    way.ended = true;
    if (!from_engine) ++left;
    if (got < 0) each.broken = true;
    return;
  }
  if (each.frozen) return;
  const auto size = static_cast<std::size_t>(got);
  way.pieces.push_back({now + pace.delay, std::string(buffer.data(), size)});
  way.held += size;
  if (from_engine) count_cut(each, size, now);
}

void BadLink::State::give_out(Way& way, const LinkPace& pace, int into, Monotonic now,
                              bool& broken) {
  while (!way.pieces.empty() && way.pieces.front().due <= now && way.next <= now) {
    std::string& bytes = way.pieces.front().bytes;
    const std::size_t most = pace.slice != 0 ? pace.slice : bytes.size();
    const ssize_t put = ::send(into, bytes.data(), std::min(most, bytes.size()), MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (put < 0) {
      broken = true;
      return;
    }
    const auto size = static_cast<std::size_t>(put);
    bytes.erase(0, size);
    way.held -= size;
    if (bytes.empty()) way.pieces.pop_front();
    if (pace.per_second != 0) {
      way.next =
          std::max(way.next, now - 5ms) + std::chrono::nanoseconds(1s) * size / pace.per_second;
    }
  }
  if (way.ended && way.pieces.empty() && !std::exchange(way.end_passed_on, true)) {
    ::shutdown(into, SHUT_WR);
  }
}

bool BadLink::State::serve(Connection& each, Monotonic now) {
  if (each.closes) return now < *each.closes;
  if (each.frozen) {
    // Who has left is not waited for.
    return frozen && !each.broken && !each.to_engine.ended;
  }
  give_out(each.to_engine, pace, each.engine.get(), now, each.broken);
  give_out(each.to_node, pace, each.node.get(), now, each.broken);
  const bool both = each.to_engine.end_passed_on && each.to_node.end_passed_on;
  return !each.broken && !both;
}

void BadLink::State::run() {
  const SystemClock clock;
  std::vector<pollfd> watched;
  for (;;) {
    {
      const std::lock_guard lock(mutex);
      if (over) return;
      const auto now = clock.now();
      std::erase_if(connections, [&](Connection& each) { return !serve(each, now); });
      watched.clear();
      watched.push_back({listener.get(), POLLIN, 0});
      watched.push_back({woken.get(), POLLIN, 0});
      for (const Connection& each : connections) {
        const auto wants = [](const Way& way) {
          return static_cast<short>(way.ended || way.held > kMostHeld ? 0 : POLLIN);
        };
        const bool waits = each.closes.has_value();
        watched.push_back({waits ? -1 : each.node.get(), wants(each.to_engine), 0});
        watched.push_back({waits ? -1 : each.engine.get(), wants(each.to_node), 0});
      }
    }
    // What is held back is looked at each millisecond.
    const bool busy = std::any_of(connections.begin(), connections.end(), [](const auto& each) {
      return each.closes || !each.to_engine.pieces.empty() || !each.to_node.pieces.empty();
    });
    (void)::poll(watched.data(), watched.size(), busy ? 1 : 1000);
    const std::lock_guard lock(mutex);
    const auto now = clock.now();
    std::array<char, 64> dropped{};
    (void)!::read(woken.get(), dropped.data(), dropped.size());
    std::size_t at = 2;
    for (Connection& each : connections) {
      if ((watched[at].revents & POLLIN) != 0) take_in(each, false, now);
      if ((watched[at + 1].revents & POLLIN) != 0 && !each.broken) take_in(each, true, now);
      if (((watched[at].revents | watched[at + 1].revents) & (POLLERR | POLLNVAL)) != 0) {
        each.broken = true;
      }
      at += 2;
    }
    if ((watched[0].revents & POLLIN) != 0) accept_one(now);
  }
}

BadLink::BadLink(std::uint16_t to_port) : state_(std::make_unique<State>(to_port)) {
  state_->thread = std::thread([this] { state_->run(); });
}

BadLink::~BadLink() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
  }
  state_->changed();
  state_->thread.join();
}

std::string BadLink::url() const {
  return fmt::format("http://127.0.0.1:{}", state_->own_port);
}

void BadLink::pace(LinkPace pace) {
  const std::lock_guard lock(state_->mutex);
  state_->pace = pace;
}

void BadLink::cut_after(std::size_t bytes, LinkEnd how) {
  const std::lock_guard lock(state_->mutex);
  state_->cut_in = bytes;
  state_->cut_how = how;
}

void BadLink::freeze(bool frozen) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->frozen = frozen;
    if (frozen) {
      for (Connection& each : state_->connections) each.frozen = true;
    }
  }
  state_->changed();
}

void BadLink::refuse(bool refused) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->refused = refused;
    if (refused) {
      for (Connection& each : state_->connections) State::end(each, LinkEnd::reset, {});
    }
  }
  state_->changed();
}

int BadLink::tries() const {
  return state_->tries;
}
int BadLink::cuts() const {
  return state_->cuts;
}
int BadLink::left() const {
  return state_->left;
}

}  // namespace relay::test
