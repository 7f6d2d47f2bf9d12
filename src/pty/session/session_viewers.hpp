#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "net/event.hpp"
#include "pty/screen/output_ring.hpp"

namespace relay::pty {

/// A piece of a program's output, for one viewer.
struct ViewedOutput {
  ViewedOutput() = default;
  ViewedOutput(std::uint64_t from_in, bool cut_in, std::string bytes_in)
      : from(from_in), cut(cut_in), bytes(std::move(bytes_in)) {}
  /// Where `bytes` begin.
  std::uint64_t from = 0;
  /// The viewer was too slow, and what it has not read is gone: it has to paint a snapshot, whose
  /// offset is the cursor to go on from, or to take `bytes` as they are.
  bool cut = false;
  std::string bytes;

  [[nodiscard]] std::uint64_t next() const { return from + bytes.size(); }
};

/// Those who watch a program's output. Each holds no more than a cursor and asks when it has time:
/// the ring is the only buffer, so that a slow viewer costs nothing and slows nobody.
class SessionViewers {
 public:
  /// Who waits at the same time.
  static constexpr std::size_t kMost = 64;
  /// Bytes that one call returns at most.
  static constexpr std::size_t kMostPiece = std::size_t{32} << 10;

  SessionViewers(asio::any_io_executor executor, const OutputRing& ring)
      : ring_(ring), grown_(std::move(executor)) {}

  /// What comes at `cursor`; waits for it. `timeout` when nothing came; when everything was read
  /// `connection_closed` after the program has ended, `cancelled` after the session was left, whose
  /// program goes on; `queue_full` when too many wait already.
  asio::awaitable<Result<ViewedOutput>> next(std::uint64_t cursor, Duration at_most);
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  /// For the session: there is more output; there will be no more; or not here.
  void grown() {
    if (waiting_ != 0) grown_.notify();
  }
  void close();
  void leave();

 private:
  const OutputRing& ring_;
  net::Event grown_;
  std::size_t waiting_ = 0;
  bool closed_ = false;
  bool left_ = false;
};

}  // namespace relay::pty
