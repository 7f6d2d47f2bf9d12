#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/curl_library.hpp"
#include "net/event.hpp"

// Internal to net/.
namespace relay::net {

/// A transfer that CurlLoop runs. Whoever starts it keeps it alive until it is removed.
struct CurlTransfer {
  explicit CurlTransfer(asio::any_io_executor executor) : finished(std::move(executor)) {}
  CURL* easy = nullptr;
  bool done = false;
  CURLcode code = CURLE_OK;
  /// Notified when `done`.
  Event finished;
};

/// libcurl's multi interface on an Asio loop: curl says which sockets it waits for and until when,
/// Asio waits. Shared, because handlers of waits that were cancelled run later.
class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  CurlLoop(asio::any_io_executor executor, const CurlLibrary& library);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  [[nodiscard]] const CurlLibrary& library() const { return library_; }

  /// A handle with no options set.
  [[nodiscard]] CURL* take_handle();
  /// Not from within a callback of curl.
  void start(CurlTransfer* transfer);
  /// Ends a transfer, done or not, and takes its handle back.
  void remove(CurlTransfer* transfer);
  /// Ends every transfer with CURLE_ABORTED_BY_CALLBACK; nothing starts any more.
  void shut_down();

 private:
  struct Watch;
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* watch);
  static int on_timer(CURLM* multi, long milliseconds, void* self);
  void watch(curl_socket_t fd, int what);
  void unwatch(curl_socket_t fd);
  void arm(const std::shared_ptr<Watch>& watch);
  void act(curl_socket_t fd, int events);

  asio::any_io_executor executor_;
  const CurlLibrary& library_;
  asio::steady_timer timer_;
  CURLM* multi_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  std::vector<CurlTransfer*> transfers_;
  std::vector<CURL*> idle_handles_;
  bool down_ = false;
};

}  // namespace relay::net
