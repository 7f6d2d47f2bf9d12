// Whatever the body, only printable text, tab and newline come out, and a second pass changes
// nothing.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.hpp"
#include "fuzz/targets.hpp"
#include "pty/injection/sanitise.hpp"

namespace relay::fuzz::pty_sanitise {

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto once = relay::pty::sanitise_body(input);
  if (!relay::is_valid_utf8(once.text) || once.text.size() > 4 * size) std::abort();
  for (std::string_view rest = once.text; !rest.empty();) {
    const auto point = relay::first_code_point(rest);
    if (point.value < 0x20 && point.value != '\t' && point.value != '\n') std::abort();
    if (point.value >= 0x7F && point.value < 0xA0) std::abort();
    rest.remove_prefix(point.length);
  }
  if (relay::pty::sanitise_body(once.text).text != once.text) std::abort();
  if (relay::pty::sanitise_field(input).size() > 160) std::abort();
  return 0;
}

}  // namespace relay::fuzz::pty_sanitise
