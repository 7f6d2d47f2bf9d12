// An event of the workspace stream: what decodes encodes to what decodes to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "wire/stream_events.hpp"

namespace relay::fuzz::wire_stream_event {

int run(const std::uint8_t* data, std::size_t size) {
  using namespace relay::wire;
  const auto first = decode_stream_event({reinterpret_cast<const char*>(data), size});
  if (!first) return 0;
  const std::string text = encode(*first);
  const auto second = decode_stream_event(text);
  if (!second || encode(*second) != text) std::abort();
  return 0;
}

}  // namespace relay::fuzz::wire_stream_event
