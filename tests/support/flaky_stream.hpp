#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <limits>
#include <memory>
#include <system_error>

#include "net/stream.hpp"

namespace relay::test {

/// What one end of a FlakyPair does wrong. The test and the stream share it, so that the test can
/// change it while somebody else owns the stream. Counts are of bytes, calls are counted from 1.
class Faults {
 public:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  /// What one read gives, and one write takes before the loop turns, at most.
  std::size_t chunk = kNever;
  /// After sending this much the connection is reset: the peer gets these bytes, then the error.
  std::size_t cut_after = kNever;
  /// After sending this much nothing more is taken, until `FlakyPair::resume`.
  std::size_t stall_after = kNever;
  /// Which read (write) call fails with `error`, and all after it.
  std::size_t fail_read = kNever;
  std::size_t fail_write = kNever;
  std::error_code error = std::make_error_code(std::errc::connection_reset);

  /// What happened so far.
  std::size_t reads = 0;
  std::size_t writes = 0;
  std::size_t sent = 0;
};

/// Two connected streams in memory that behave as sockets do, but for their faults. They keep every
/// rule of net::Stream, the `try_` calls included.
class FlakyPair {
 public:
  /// `buffer`: what one direction holds before writing waits, as a socket's buffer.
  explicit FlakyPair(asio::any_io_executor executor, std::size_t buffer = std::size_t{64} << 10U);

  net::StreamPtr near;
  net::StreamPtr far;
  std::shared_ptr<Faults> near_faults;
  std::shared_ptr<Faults> far_faults;

  /// Ends the stalls of both ends.
  void resume();

 private:
  class End;
  struct Pipe;
  std::shared_ptr<Pipe> to_far_;
  std::shared_ptr<Pipe> to_near_;
};

}  // namespace relay::test
