#include "net/curl_loop.hpp"

#include <algorithm>
#include <asio/posix/stream_descriptor.hpp>
#include <stdexcept>
#include <utility>

namespace relay::net {
namespace {

/// Handles kept for the next calls; each holds about 5 KiB.
constexpr std::size_t kIdleHandlesMost = 16;
/// Connections kept open for the next calls.
constexpr long kIdleConnectionsMost = 16;

}  // namespace

struct CurlLoop::Watch {
  Watch(const asio::any_io_executor& executor, curl_socket_t fd_in)
      : descriptor(executor, fd_in), fd(fd_in) {}

  asio::posix::stream_descriptor descriptor;
  curl_socket_t fd;
  bool wants_read = false;
  bool wants_write = false;
  bool reading = false;
  bool writing = false;
  bool over = false;
};

CurlLoop::CurlLoop(asio::any_io_executor executor, const CurlLibrary& library)
    : executor_(std::move(executor)), library_(library), timer_(executor_) {
  multi_ = library_.multi_init();
  if (!multi_) throw std::runtime_error("libcurl gives no multi handle");
  library_.multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::on_socket);
  library_.multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  library_.multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::on_timer);
  library_.multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  library_.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnectionsMost);
}

CurlLoop::~CurlLoop() {
  library_.multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
  library_.multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
  for (auto& [fd, watch] : watches_) watch->descriptor.release();
  for (CURL* handle : idle_handles_) library_.easy_cleanup(handle);
  library_.multi_cleanup(multi_);
}

CURL* CurlLoop::take_handle() {
  if (idle_handles_.empty()) {
    CURL* handle = library_.easy_init();
    if (!handle) throw std::bad_alloc();
    return handle;
  }
  CURL* handle = idle_handles_.back();
  idle_handles_.pop_back();
  return handle;
}

void CurlLoop::start(CurlTransfer* transfer) {
  transfers_.push_back(transfer);
  library_.easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
  const bool refused = down_ || library_.multi_add_handle(multi_, transfer->easy) != CURLM_OK;
  if (refused) {
    transfer->done = true;
    transfer->code = down_ ? CURLE_ABORTED_BY_CALLBACK : CURLE_FAILED_INIT;
  }
}

void CurlLoop::remove(CurlTransfer* transfer) {
  std::erase(transfers_, transfer);
  CURL* handle = std::exchange(transfer->easy, nullptr);
  library_.multi_remove_handle(multi_, handle);
  if (idle_handles_.size() >= kIdleHandlesMost) {
    library_.easy_cleanup(handle);
    return;
  }
  library_.easy_reset(handle);
  idle_handles_.push_back(handle);
}

void CurlLoop::shut_down() {
  down_ = true;
  timer_.cancel();
  for (auto& [fd, watch] : watches_) {
    watch->over = true;
    watch->descriptor.release();
  }
  watches_.clear();
  for (CurlTransfer* transfer : transfers_) {
    if (transfer->done) continue;
    transfer->done = true;
    transfer->code = CURLE_ABORTED_BY_CALLBACK;
    transfer->finished.notify();
  }
}

int CurlLoop::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto& loop = *static_cast<CurlLoop*>(self);
  if (what == CURL_POLL_REMOVE) {
    loop.unwatch(fd);
  } else if (!loop.down_) {
    loop.watch(fd, what);
  }
  return 0;
}

int CurlLoop::on_timer(CURLM*, long milliseconds, void* self) {
  auto& loop = *static_cast<CurlLoop*>(self);
  loop.timer_.cancel();
  if (milliseconds < 0 || loop.down_) return 0;
  // Even for "now": curl must not be called from its own callback.
  loop.timer_.expires_after(std::chrono::milliseconds(milliseconds));
  loop.timer_.async_wait([weak = loop.weak_from_this()](const std::error_code& error) {
    const auto alive = weak.lock();
    if (alive && !error && !alive->down_) alive->act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void CurlLoop::watch(curl_socket_t fd, int what) {
  auto& watch = watches_[fd];
  if (!watch) watch = std::make_shared<Watch>(executor_, fd);
  watch->wants_read = (what & CURL_POLL_IN) != 0;
  watch->wants_write = (what & CURL_POLL_OUT) != 0;
  arm(watch);
}

void CurlLoop::unwatch(curl_socket_t fd) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  found->second->over = true;
  // The descriptor belongs to curl, which closes it or keeps the connection.
  found->second->descriptor.release();
  watches_.erase(found);
}

void CurlLoop::arm(const std::shared_ptr<Watch>& watch) {
  using Descriptor = asio::posix::stream_descriptor;
  if (watch->wants_read && !watch->reading) {
    watch->reading = true;
    watch->descriptor.async_wait(
        Descriptor::wait_read, [weak = weak_from_this(), watch](const std::error_code& error) {
          watch->reading = false;
          const auto alive = weak.lock();
          if (!alive || watch->over || error == asio::error::operation_aborted) return;
          if (watch->wants_read) alive->act(watch->fd, error ? CURL_CSELECT_ERR : CURL_CSELECT_IN);
          if (!watch->over) alive->arm(watch);
        });
  }
  if (watch->wants_write && !watch->writing) {
    watch->writing = true;
    watch->descriptor.async_wait(
        Descriptor::wait_write, [weak = weak_from_this(), watch](const std::error_code& error) {
          watch->writing = false;
          const auto alive = weak.lock();
          if (!alive || watch->over || error == asio::error::operation_aborted) return;
          if (watch->wants_write) {
            alive->act(watch->fd, error ? CURL_CSELECT_ERR : CURL_CSELECT_OUT);
          }
          if (!watch->over) alive->arm(watch);
        });
  }
}

void CurlLoop::act(curl_socket_t fd, int events) {
  int running = 0;
  library_.multi_socket_action(multi_, fd, events, &running);
  int left = 0;
  while (CURLMsg* message = library_.multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CurlTransfer* transfer = nullptr;
    library_.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->done = true;
    transfer->code = message->data.result;
    transfer->finished.notify();
  }
}

}  // namespace relay::net
