#include "net/curl_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "os/late_library.hpp"

namespace relay::net {
namespace {

/// Of every libcurl since 2006.
constexpr const char* kCurlFile = "libcurl.so.4";

template <class Function>
bool find_function(void* library, const char* name, Function*& into) {
  into = reinterpret_cast<Function*>(::dlsym(library, name));
  return into != nullptr;
}

}  // namespace

Result<void> refuse_old_curl(unsigned version) {
  if (version >= kOldestCurl) return {};
  return fail(Code::internal_error,
              fmt::format("libcurl {}.{}.{} is too old", version >> 16U, version >> 8U & 0xffU,
                          version & 0xffU),
              "install libcurl 7.85 or a newer one (Debian 12 has it as libcurl4)");
}

Result<CurlLibrary> CurlLibrary::load() {
  const auto missing = [] {
    const char* why = ::dlerror();
    return fail(Code::internal_error,
                std::string("libcurl cannot be used: ") + (why != nullptr ? why : "unknown"),
                "install libcurl (Debian: libcurl4)");
  };
  void* library = os::open_late(kCurlFile, LIBCURL_DIRECTORY);
  if (library == nullptr) return missing();
  CurlLibrary out;
  const auto find = [library](const char* name, auto*& into) {
    return find_function(library, name, into);
  };
  const bool all =
      find("curl_global_init", out.global_init) && find("curl_easy_init", out.easy_init) &&
      find("curl_easy_cleanup", out.easy_cleanup) && find("curl_easy_reset", out.easy_reset) &&
      find("curl_easy_setopt", out.easy_setopt) && find("curl_easy_getinfo", out.easy_getinfo) &&
      find("curl_easy_strerror", out.easy_strerror) && find("curl_multi_init", out.multi_init) &&
      find("curl_multi_cleanup", out.multi_cleanup) &&
      find("curl_multi_setopt", out.multi_setopt) &&
      find("curl_multi_add_handle", out.multi_add_handle) &&
      find("curl_multi_remove_handle", out.multi_remove_handle) &&
      find("curl_multi_socket_action", out.multi_socket_action) &&
      find("curl_multi_info_read", out.multi_info_read) &&
      find("curl_slist_append", out.slist_append) &&
      find("curl_slist_free_all", out.slist_free_all) &&
      find("curl_version_info", out.version_info);
  if (!all) return missing();
  auto usable = refuse_old_curl(out.version_info(CURLVERSION_NOW)->version_num);
  if (!usable) return fail(std::move(usable).error());
  if (out.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return fail(Code::internal_error, "libcurl does not start");
  }
  return out;
}

Result<const CurlLibrary*> CurlLibrary::get() {
  // Never unloaded: what it has started may outlive us.
  static const Result<CurlLibrary> loaded = load();
  if (!loaded) return fail(loaded.error());
  return &*loaded;
}

}  // namespace relay::net
