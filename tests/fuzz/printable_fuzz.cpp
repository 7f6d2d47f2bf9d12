// Nothing that a terminal would act on comes out, and printing twice changes nothing.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/printable.hpp"
#include "fuzz/targets.hpp"

namespace relay::fuzz::printable {

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Restates what must not come out, on bytes, without the code under test.
void check(std::string_view input, relay::Lines lines) {
  const std::string shown = relay::printable(input, lines);
  require(shown.size() <= 4 * input.size());
  require(relay::printable(shown, lines) == shown);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    const bool kept = lines == relay::Lines::many && (byte == '\t' || byte == '\n');
    require((byte >= 0x20 && byte != 0x7F) || kept);
    // U+0080-U+009F are C2 80-C2 9F.
    if (byte == 0xC2) require(static_cast<unsigned char>(shown.at(i + 1)) >= 0xA0);
  }
  for (const char* hidden : {"\u200B", "\u200D", "\u200E", "\u200F", "\u202A", "\u202D", "\u202E",
                             "\u2028", "\u2066", "\u2069", "\uFEFF", "\u00AD", "\U000E0041"}) {
    require(shown.find(hidden) == std::string::npos);
  }
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input, relay::Lines::one);
  check(input, relay::Lines::many);
  return 0;
}

}  // namespace relay::fuzz::printable
