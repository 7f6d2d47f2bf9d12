// A frame of a node: what decodes encodes to a frame that decodes strictly to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "wire/node_frames.hpp"

namespace relay::fuzz::wire_node_frame {

int run(const std::uint8_t* data, std::size_t size) {
  using namespace relay::wire;
  const auto first = decode_node_frame({reinterpret_cast<const char*>(data), size});
  if (!first || std::holds_alternative<UnknownFrame>(*first)) return 0;
  const std::string text = encode(*first);
  const auto second = decode_node_frame(text, Strictness::strict);
  if (!second || encode(*second) != text) std::abort();
  return 0;
}

}  // namespace relay::fuzz::wire_node_frame
