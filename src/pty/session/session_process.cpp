#include "pty/session/session_process.hpp"

#include <utility>

namespace relay::pty {
namespace {

constexpr Duration kEndLook = std::chrono::hours(1);

}  // namespace

void KeptProcess::report(Result<os::ExitStatus> how) {
  if (how_) return;
  how_.emplace(std::move(how));
  ended_.notify();
}

asio::awaitable<Result<os::ExitStatus>> KeptProcess::wait_end() {
  while (!how_) (void)co_await ended_.wait(kEndLook);
  co_return *how_;
}

}  // namespace relay::pty
