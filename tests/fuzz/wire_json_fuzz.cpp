// Any bytes as JSON: what is accepted comes out valid, and a second time the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "wire/json.hpp"

namespace relay::fuzz::wire_json {

int run(const std::uint8_t* data, std::size_t size) {
  using relay::wire::Json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = Json::parse(text, relay::wire::kInboundLimits);
  if (!first) return 0;
  const auto second = Json::parse(first->text());
  if (!second || *second != *first) std::abort();
  return 0;
}

}  // namespace relay::fuzz::wire_json
