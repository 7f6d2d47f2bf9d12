#include "pty/session/session_viewers.hpp"

namespace relay::pty {
namespace {

class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

asio::awaitable<Result<ViewedOutput>> SessionViewers::next(std::uint64_t cursor, Duration at_most) {
  if (waiting_ >= kMost) co_return fail(Code::queue_full, "too many watch this terminal");
  const Counted counted(waiting_);
  const Monotonic deadline = SystemClock().now() + at_most;
  for (;;) {
    const OutputRing::Piece piece = ring_.read(cursor, kMostPiece);
    if (!piece.bytes.empty() || piece.cut) {
      co_return ViewedOutput(piece.from, piece.cut, std::string(piece.bytes));
    }
    if (closed_) co_return fail(Code::connection_closed, "the program has ended");
    if (left_) co_return fail(Code::cancelled, "the program's output is read elsewhere now");
    const Duration wait = deadline - SystemClock().now();
    if (wait <= Duration::zero()) co_return fail(Code::timeout, "no output");
    (void)co_await grown_.wait(wait);
  }
}

void SessionViewers::close() {
  closed_ = true;
  grown_.notify();
}

void SessionViewers::leave() {
  left_ = true;
  grown_.notify();
}

}  // namespace relay::pty
