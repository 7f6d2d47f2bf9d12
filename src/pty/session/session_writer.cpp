#include "pty/session/session_writer.hpp"

#include <utility>

#include "pty/session/pty_master.hpp"

namespace relay::pty {
namespace {

/// A waiting coroutine is woken by what it waits for; this only ends a wait that nobody needs.
constexpr Duration kWriterLook = std::chrono::hours(1);

}  // namespace

Result<void> SessionWriter::push(std::string bytes, Done done) {
  if (closed_) return fail(*closed_);
  if (!has_room()) return fail(Code::queue_full, "the program does not read its terminal");
  bytes_ += bytes.size();
  Piece piece;
  piece.bytes = std::move(bytes);
  piece.done = std::move(done);
  waiting_.push_back(std::move(piece));
  write_now();
  if (!waiting_.empty()) changed_.notify();
  return {};
}

void SessionWriter::write_now() {
  // A piece that ends may push the next one: the loop below goes on with it.
  if (writing_) return;
  writing_ = true;
  bool made_room = false;
  while (!waiting_.empty() && !closed_) {
    Piece& piece = waiting_.front();
    const auto left = std::string_view(piece.bytes).substr(piece.written);
    const auto put = left.empty() ? Result<std::size_t>(0) : master_.write(left);
    if (!put) {
      writing_ = false;
      close(put.error());
      return;
    }
    piece.written += *put;
    bytes_ -= *put;
    if (piece.written < piece.bytes.size()) {
      if (*put == 0) break;
      continue;
    }
    const Done done = std::move(piece.done);
    waiting_.pop_front();
    made_room = true;
    if (done) done(Result<void>());
  }
  writing_ = false;
  if (made_room) changed_.notify();
}

asio::awaitable<void> SessionWriter::run() {
  while (!closed_) {
    if (waiting_.empty()) {
      (void)co_await changed_.wait(kWriterLook);
      continue;
    }
    const auto error = co_await master_.wait_writable();
    if (error) co_return;
    write_now();
  }
}

asio::awaitable<bool> SessionWriter::wait_for_room(Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (!has_room() && !closed_) {
    const Duration left = deadline - SystemClock().now();
    if (left <= Duration::zero()) co_return false;
    (void)co_await changed_.wait(left);
  }
  co_return true;
}

void SessionWriter::close(const Error& why) {
  if (!closed_) closed_ = why;
  std::deque<Piece> waiting = std::exchange(waiting_, {});
  bytes_ = 0;
  changed_.notify();
  for (Piece& piece : waiting) {
    if (piece.done) piece.done(fail(why));
  }
}

}  // namespace relay::pty
