// Internal to pty/
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/local/stream_protocol.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "net/event.hpp"
#include "os/fd.hpp"
#include "pty/keeper/codec.hpp"

namespace relay::pty {

/// The broker's end of the keeper's socket: whole messages, each with the descriptor that came with
/// it.
class KeeperLink {
 public:
  using Socket = asio::local::stream_protocol::socket;

  explicit KeeperLink(Socket socket);

  /// `broker_not_running` when nobody listens there.
  static asio::awaitable<Result<std::unique_ptr<KeeperLink>>> connect(std::string path);

  struct Received {
    Received(keeper::Report report_in, os::Fd master_in)
        : report(std::move(report_in)), master(std::move(master_in)) {}
    keeper::Report report;
    os::Fd master;
  };
  /// The next message; `connection_closed` at the end of the stream.
  asio::awaitable<Result<Received>> receive();

  /// Queues a message for `write_all`. `too_large` for one that fits into no frame, `queue_full`
  /// when the keeper has not read for long.
  Result<void> send(const keeper::Request& request);
  static constexpr std::size_t kMostUnsent = std::size_t{64} << 20U;

  /// Writes what fits at once; for the few bytes before `write_all` runs.
  Result<void> flush();

  /// Writes what is queued, for ever; returns when the connection breaks.
  asio::awaitable<void> write_all();

  /// Returns when `write_all` has written everything, or the time is over.
  asio::awaitable<void> drain(Duration at_most);

 private:
  /// False when there was nothing to read.
  Result<bool> read_some();
  Result<std::optional<Received>> next_message();

  Socket socket_;
  keeper::FrameBuffer frames_;
  /// Descriptors come in the order of the messages that they belong to.
  std::deque<os::Fd> masters_;
  std::string unsent_;
  bool writing_ = false;
  net::Event to_write_;
  net::Event written_;
};

}  // namespace relay::pty
