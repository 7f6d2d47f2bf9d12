#include "support/flaky_stream.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <string>
#include <utility>

#include "net/event.hpp"

namespace relay::test {

/// One direction.
struct FlakyPair::Pipe {
  Pipe(const asio::any_io_executor& executor, std::size_t capacity_in)
      : capacity(capacity_in), changed(executor) {}

  void notify() {
    changed.notify();
    if (on_room && (broken || room() > 0)) std::exchange(on_room, nullptr)(std::error_code());
  }
  [[nodiscard]] std::size_t room() const { return capacity - bytes.size(); }

  std::size_t capacity;
  std::string bytes;
  /// No more bytes will come.
  bool ended = false;
  /// The connection was reset.
  bool broken = false;
  net::Event changed;
  /// Of the sender, that waits for room.
  std::function<void(std::error_code)> on_room;
};

class FlakyPair::End final : public net::Stream {
 public:
  End(asio::any_io_executor executor, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out,
      std::shared_ptr<Faults> faults, std::string name)
      : executor_(std::move(executor)),
        in_(std::move(in)),
        out_(std::move(out)),
        faults_(std::move(faults)),
        name_(std::move(name)) {}
  ~End() override { close(); }

  asio::any_io_executor executor() override { return executor_; }

  asio::awaitable<net::IoResult> read_some(std::span<char> into) override {
    const auto error = co_await wait_readable();
    if (error) co_return net::IoResult(error, 0);
    co_return take(into);
  }

  asio::awaitable<std::error_code> wait_readable() override {
    const std::size_t cancelled = cancelled_;
    while (!readable()) {
      // Never notified within the hour: the coroutine was cancelled.
      const bool notified = co_await in_->changed.wait(kLong);
      if (!notified || cancelled != cancelled_) co_return aborted();
    }
    co_return closed_ ? aborted() : std::error_code();
  }

  net::IoResult try_read(std::span<char> into) override {
    if (!readable()) return {asio::error::would_block, 0};
    return take(into);
  }

  asio::awaitable<net::IoResult> write(std::span<const char> from) override {
    const std::size_t cancelled = cancelled_;
    std::size_t moved = 0;
    if (const auto error = begin_write()) co_return net::IoResult(error, 0);
    while (moved < from.size()) {
      const auto some = put(from.subspan(moved));
      moved += some.bytes;
      if (some.error && !net::would_block(some.error)) co_return net::IoResult(some.error, moved);
      if (moved == from.size()) break;
      if (some.bytes > 0) {
        // The reader sees this part alone.
        co_await asio::post(executor_, asio::use_awaitable);
        continue;
      }
      const bool notified = co_await out_->changed.wait(kLong);
      if (!notified || cancelled != cancelled_) co_return net::IoResult(aborted(), moved);
    }
    co_return net::IoResult(std::error_code(), moved);
  }

  net::IoResult try_write(std::span<const char> from) override {
    if (const auto error = begin_write()) return {error, 0};
    return put(from);
  }

  void on_writable(std::function<void(std::error_code)> call) override {
    if (writable()) {
      asio::post(executor_, [call = std::move(call)] { call(std::error_code()); });
      return;
    }
    // From the loop, never from inside another call.
    out_->on_room = [executor = executor_, call = std::move(call)](std::error_code error) {
      asio::post(executor, [call, error] { call(error); });
    };
  }

  void cancel() noexcept override {
    ++cancelled_;
    in_->changed.notify();
    out_->changed.notify();
    if (out_->on_room) std::exchange(out_->on_room, nullptr)(aborted());
  }

  asio::awaitable<void> shutdown_send() override {
    out_->ended = true;
    out_->notify();
    co_return;
  }

  void close() noexcept override {
    if (closed_) return;
    closed_ = true;
    out_->ended = true;
    // Writing to a closed end fails.
    in_->ended = true;
    cancel();
    in_->notify();
  }

  std::string peer_name() const override { return name_; }

 private:
  static constexpr Duration kLong = std::chrono::hours(1);
  static std::error_code aborted() { return asio::error::operation_aborted; }

  [[nodiscard]] bool readable() const {
    return closed_ || !in_->bytes.empty() || in_->ended || in_->broken ||
           faults_->reads + 1 >= faults_->fail_read;
  }

  [[nodiscard]] bool writable() const {
    const bool stalled = faults_->sent >= faults_->stall_after;
    return closed_ || out_->broken || (!stalled && out_->room() > 0);
  }

  net::IoResult take(std::span<char> into) {
    if (closed_) return {aborted(), 0};
    if (++faults_->reads >= faults_->fail_read) return {faults_->error, 0};
    const std::size_t size = std::min({into.size(), in_->bytes.size(), faults_->chunk});
    if (size == 0) {
      if (in_->broken) return {asio::error::connection_reset, 0};
      return {asio::error::eof, 0};
    }
    std::copy_n(in_->bytes.begin(), size, into.begin());
    in_->bytes.erase(0, size);
    in_->notify();
    return {std::error_code(), size};
  }

  std::error_code begin_write() {
    if (closed_) return aborted();
    if (++faults_->writes >= faults_->fail_write) return faults_->error;
    if (out_->ended) return asio::error::broken_pipe;
    return {};
  }

  /// What fits now; `would_block` when that is nothing.
  net::IoResult put(std::span<const char> from) {
    if (closed_) return {aborted(), 0};
    if (out_->broken) return {asio::error::connection_reset, 0};
    const std::size_t allowed = std::min(faults_->cut_after, faults_->stall_after);
    const std::size_t left = allowed > faults_->sent ? allowed - faults_->sent : 0;
    const std::size_t size = std::min({from.size(), out_->room(), faults_->chunk, left});
    out_->bytes.append(from.data(), size);
    faults_->sent += size;
    std::error_code error;
    if (faults_->sent >= faults_->cut_after) {
      out_->broken = true;
      in_->broken = true;
      error = asio::error::connection_reset;
      in_->notify();
    } else if (size == 0 && !from.empty()) {
      error = asio::error::would_block;
    }
    out_->notify();
    return {error, size};
  }

  asio::any_io_executor executor_;
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  std::shared_ptr<Faults> faults_;
  std::string name_;
  std::size_t cancelled_ = 0;
  bool closed_ = false;
};

FlakyPair::FlakyPair(asio::any_io_executor executor, std::size_t buffer)
    : near_faults(std::make_shared<Faults>()),
      far_faults(std::make_shared<Faults>()),
      to_far_(std::make_shared<Pipe>(executor, buffer)),
      to_near_(std::make_shared<Pipe>(executor, buffer)) {
  near = std::make_unique<End>(executor, to_near_, to_far_, near_faults, "memory:far");
  far = std::make_unique<End>(executor, to_far_, to_near_, far_faults, "memory:near");
}

void FlakyPair::resume() {
  near_faults->stall_after = Faults::kNever;
  far_faults->stall_after = Faults::kNever;
  to_far_->notify();
  to_near_->notify();
}

}  // namespace relay::test
