#include "pty/session/input_watch.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

#include "os/fd.hpp"

namespace relay::pty {

struct InputWatch::Impl {
  /// Nothing when the system has no inotify left for us.
  std::optional<asio::posix::stream_descriptor> descriptor;
  std::map<int, std::function<void()>> calls;

  /// Not in the coroutine: g++ cannot keep an inotify_event in its frame.
  void hand_out();
};

void InputWatch::Impl::hand_out() {
  alignas(inotify_event) std::array<char, 4096> events;
  const ssize_t got = ::read(descriptor->native_handle(), events.data(), events.size());
  for (ssize_t at = 0; at < got;) {
    inotify_event event;
    std::memcpy(&event, events.data() + at, sizeof event);
    at += static_cast<ssize_t>(sizeof event + event.len);
    const auto found = calls.find(event.wd);
    if (found == calls.end()) continue;
    // A copy: the call may end its own watch.
    const auto call = found->second;
    call();
  }
}

InputWatch::InputWatch(asio::any_io_executor executor) : impl_(std::make_unique<Impl>()) {
  os::Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd) impl_->descriptor.emplace(executor, fd.release());
}

InputWatch::~InputWatch() = default;

int InputWatch::begin(int terminal, std::function<void()> on_read) {
  if (!impl_->descriptor) return -1;
  const auto path = fmt::format("/proc/self/fd/{}", terminal);
  const int watch =
      ::inotify_add_watch(impl_->descriptor->native_handle(), path.c_str(), IN_ACCESS);
  if (watch >= 0) impl_->calls.insert_or_assign(watch, std::move(on_read));
  return watch;
}

void InputWatch::end(int watch) {
  if (impl_->calls.erase(watch) == 0) return;
  ::inotify_rm_watch(impl_->descriptor->native_handle(), watch);
}

asio::awaitable<void> InputWatch::run() {
  if (!impl_->descriptor) co_return;
  for (;;) {
    std::error_code error;
    co_await impl_->descriptor->async_wait(asio::posix::stream_descriptor::wait_read,
                                           asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    impl_->hand_out();
  }
}

}  // namespace relay::pty
