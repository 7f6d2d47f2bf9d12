#pragma once

#include <curl/curl.h>

#include "base/result.hpp"

// Internal to net/.
namespace relay::net {

/// 7.85: older ones would let a call go by other protocols than it may.
inline constexpr unsigned kOldestCurl = 0x075500;

/// Nothing for a libcurl, by its `version_num`, that can be used.
[[nodiscard]] Result<void> refuse_old_curl(unsigned version);

/// What we use of libcurl. It is loaded when the first call goes further than this machine: with
/// it come thirty other libraries, and most commands, and a broker with an engine of its own, never
/// need one of them.
class CurlLibrary {
 public:
  /// Loads it once; `internal_error` when it is not installed. On the loop thread of any client.
  [[nodiscard]] static Result<const CurlLibrary*> get();

  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  CURLcode (*easy_setopt)(CURL*, CURLoption, ...) = nullptr;
  CURLcode (*easy_getinfo)(CURL*, CURLINFO, ...) = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
  CURLMcode (*multi_setopt)(CURLM*, CURLMoption, ...) = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_socket_action) multi_socket_action = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_version_info) version_info = nullptr;

 private:
  CurlLibrary() = default;
  [[nodiscard]] static Result<CurlLibrary> load();
};

}  // namespace relay::net
