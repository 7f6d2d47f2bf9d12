// The input is a line into which secrets are planted at its '@' signs. None may survive, and the
// result is bounded.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/redaction.hpp"
#include "fuzz/targets.hpp"

namespace relay::fuzz::redaction {

namespace {

constexpr std::string_view kPlanted[] = {
    "at_live_5b1c0e5d7f3a49c2a6d8e4f10b2c3d4e",
    "br_5b1c0e5d7f3a49c2a6d8e4f10b2c3d4e",
    "Zq9-watched.value~Zq9",
};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  static relay::Redactor* const redactor = [] {
    static relay::Redactor made;
    made.watch(relay::Secret(kPlanted[2]));
    return &made;
  }();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string line;
  std::size_t planted = 0;
  for (const char c : input) {
    if (c == '@') {
      line += kPlanted[planted++ % std::size(kPlanted)];
    } else {
      line += c;
    }
  }
  require(relay::redact(input).size() <= 3 * input.size());
  const std::string safe = redactor->redact(line);
  require(safe.size() <= 3 * line.size());
  for (const std::string_view secret : kPlanted) require(safe.find(secret) == std::string::npos);
  return 0;
}

}  // namespace relay::fuzz::redaction
