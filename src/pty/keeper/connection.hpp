#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "pty/keeper/codec.hpp"

namespace relay::pty::keeper {

/// The keeper's end of a connection to a broker. Never waits.
class Connection {
 public:
  /// What a broker that does not read may leave with us; beyond it the connection is broken. It
  /// loses nothing: the next hello tells all again.
  static constexpr std::size_t kMostUnsent = std::size_t{16} << 20U;
  static constexpr std::size_t kMostMastersUnsent = 65536;

  explicit Connection(os::Fd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool wants_to_write() const { return !unsent_.empty(); }
  /// Closed by the other side, or broken by what it said. Nothing is read or sent any more.
  [[nodiscard]] bool broken() const { return broken_; }

  /// The next message that has come whole.
  [[nodiscard]] std::optional<Request> receive();
  /// Sends now or, as far as the socket is full, at later calls of `flush`. `master` (-1: none)
  /// stays the caller's.
  void send(const Report& report, int master = -1);
  void flush();

 private:
  struct Unsent {
    std::string bytes;
    std::size_t sent = 0;
    os::Fd master;
  };
  /// False when the socket is full or broken.
  bool push(std::string_view bytes, std::size_t& sent, int master);

  os::Fd socket_;
  FrameBuffer received_;
  std::deque<Unsent> unsent_;
  std::size_t unsent_bytes_ = 0;
  bool broken_ = false;
};

}  // namespace relay::pty::keeper
