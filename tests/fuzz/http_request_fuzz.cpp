// The first byte chooses how the rest is cut into pieces. Whatever comes, the requests that come
// out are the same as from the bytes in one piece, and keep their limits.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/targets.hpp"
#include "net/http_request_parser.hpp"

namespace relay::fuzz::http_request {

namespace {

using namespace relay::net;

constexpr std::size_t kHeadMost = 1024;
constexpr std::size_t kTargetMost = 256;
constexpr std::size_t kBodyMost = 512;
/// For `parse`: do not cut.
constexpr std::uint32_t kWhole = 0x10000;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string shown(HttpRequest& request) {
  std::string text = request.method + ' ' + request.target + '\n';
  for (const auto& [name, value] : request.headers.fields()) {
    require(name.find_first_of("\r\n: ") == std::string::npos && !name.empty());
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    text += name + '=' + value + '\n';
  }
  require(request.target.size() <= kTargetMost + 1);
  require(request.body.size() <= kBodyMost);
  return text + request.body + '\n';
}

std::string parse(std::string_view bytes, std::uint32_t pieces) {
  HttpRequestParser parser(kHeadMost, kTargetMost);
  std::string out;
  std::string held;
  while (!bytes.empty()) {
    std::size_t size = bytes.size();
    if (pieces != kWhole) {
      pieces = pieces * 1664525U + 1013904223U;
      size = 1 + (pieces >> 16) % 40;
    }
    held += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
    std::string_view view = held;
    for (bool more = false; !more;) {
      switch (parser.feed(view)) {
        case HttpProgress::head: parser.limit_body(kBodyMost); break;
        case HttpProgress::complete:
          require(parser.request().headers.count("Host") <= 1);
          out += shown(parser.request());
          out += parser.keep_alive() ? 'k' : 'c';
          out += parser.upgrade() ? 'u' : '-';
          parser.next();
          break;
        case HttpProgress::refused:
          require(parser.refusal_status() >= 400 && !parser.refusal().empty());
          return out + "refused";
        case HttpProgress::more:
          require(view.empty());
          more = true;
          break;
      }
    }
    held.clear();
  }
  return out;
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  require(parse(bytes, kWhole) == parse(bytes, data[0]));
  return 0;
}

}  // namespace relay::fuzz::http_request
