// A server's bytes to the reader of handshake answers, in pieces, and then to the check.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/targets.hpp"
#include "net/http_response_reader.hpp"
#include "net/ws_handshake.hpp"

namespace relay::fuzz::ws_handshake {

namespace {

using namespace relay;
using Reader = net::HttpResponseReader;

/// How many bytes were used; the end of the connection is told if the reader wants more.
std::size_t feed(Reader& reader, std::string_view bytes, std::size_t chop) {
  std::size_t used = 0;
  while (used < bytes.size() && !reader.done()) {
    const auto took = reader.feed(bytes.substr(used, chop));
    if (!took) return used;
    used += *took;
  }
  if (!reader.done()) (void)reader.feed({});
  return used;
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  auto kind = (data[0] & 1U) != 0 ? Reader::Kind::upgrade : Reader::Kind::connect;
  if ((data[0] & 2U) != 0) kind = Reader::Kind::head;
  const std::size_t chop = 1 + (data[1] % 64U);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  Reader whole(kind);
  Reader cut(kind);
  const auto used = feed(whole, bytes, bytes.size() + 1);
  const auto used_cut = feed(cut, bytes, chop);
  if (whole.done() != cut.done()) std::abort();
  if (whole.done() && (used != used_cut || whole.response().body != cut.response().body ||
                       whole.response().status != cut.response().status ||
                       whole.keeps_alive() != cut.keeps_alive())) {
    std::abort();
  }
  if (whole.response().body.size() > Reader::kBodyMost) std::abort();
  const std::array<std::string, 2> offered{"v1", "v2"};
  (void)net::check_ws_answer(whole.response(), "dGhlIHNhbXBsZSBub25jZQ==", offered);
  return 0;
}

}  // namespace relay::fuzz::ws_handshake
