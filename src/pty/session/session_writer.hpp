#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "net/event.hpp"

namespace relay::pty {

class PtyMaster;

/// Everything that goes into one terminal, in the order in which it came: keys, messages, answers
/// to queries. Never blocks; a program that does not read leaves it waiting here.
class SessionWriter {
 public:
  /// Bytes that wait before the next piece is refused. A piece is taken whole, so at most one more
  /// of the longest kind (a paste) is held.
  static constexpr std::size_t kMostBytes = std::size_t{256} << 10;
  /// Pieces that wait: what answers to a flood of queries can pile up.
  static constexpr std::size_t kMostPieces = 1024;

  /// Called once when the kernel has taken the last byte, or with the error that came instead.
  /// Never from inside `push`'s caller's piece before it: pieces end in order.
  using Done = std::function<void(Result<void>)>;

  SessionWriter(asio::any_io_executor executor, PtyMaster& master)
      : master_(master), changed_(std::move(executor)) {}

  /// queue_full, or the error that ended the terminal; then `done` is not called. `done` may be
  /// called before this returns.
  Result<void> push(std::string bytes, Done done = {});
  /// Writes what waits, until it is cancelled. In a task group of the session.
  asio::awaitable<void> run();
  /// True when there is room for more; false when that took longer.
  asio::awaitable<bool> wait_for_room(Duration at_most);
  /// Nothing more is written: every waiting piece ends with this error.
  void close(const Error& why);

  [[nodiscard]] bool has_room() const {
    return waiting_.size() < kMostPieces && bytes_ < kMostBytes;
  }
  [[nodiscard]] std::size_t waiting_bytes() const { return bytes_; }

 private:
  struct Piece {
    std::string bytes;
    std::size_t written = 0;
    Done done;
  };
  /// As much as the terminal takes now.
  void write_now();

  PtyMaster& master_;
  std::deque<Piece> waiting_;
  std::size_t bytes_ = 0;
  bool writing_ = false;
  std::optional<Error> closed_;
  net::Event changed_;
};

}  // namespace relay::pty
