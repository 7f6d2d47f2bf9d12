// A frame of an engine, and the payload in it: what decodes encodes to what decodes to the same
// bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "wire/deliver_events.hpp"
#include "wire/engine_frames.hpp"

namespace relay::fuzz::wire_engine_frame {

int run(const std::uint8_t* data, std::size_t size) {
  using namespace relay::wire;
  const auto first = decode_engine_frame({reinterpret_cast<const char*>(data), size});
  if (!first || std::holds_alternative<UnknownFrame>(*first)) return 0;
  const std::string text = encode(*first);
  const auto second = decode_engine_frame(text, Strictness::strict);
  if (!second || encode(*second) != text) std::abort();
  const auto* const deliver = std::get_if<Deliver>(&*second);
  if (deliver == nullptr) return 0;
  const auto event = decode_payload(deliver->payload);
  if (!event) return 0;
  const Json payload = encode_payload(*event);
  const auto again = decode_payload(payload);
  if (!again || encode_payload(*again) != payload) std::abort();
  return 0;
}

}  // namespace relay::fuzz::wire_engine_frame
