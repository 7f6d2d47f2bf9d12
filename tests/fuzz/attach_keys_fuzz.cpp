// What a terminal sends to attach, in two pieces that the first byte cuts: without a detach key
// nothing is made up or put in another order, what has no escape in it passes whole, and nothing is
// held back for long.
#include "cli/attach_keys.hpp"
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/targets.hpp"

namespace relay::fuzz::attach_keys {

namespace {

bool is_part_of(std::string_view part, std::string_view whole) {
  std::size_t at = 0;
  for (const char c : whole) {
    if (at < part.size() && part[at] == c) ++at;
  }
  return at == part.size();
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  using namespace relay::cli;
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = all.empty() ? 0 : data[0] % (all.size() + 1);
  AttachKeys keys{DetachKeys()};
  std::string out;
  for (const auto piece : {all.substr(0, cut), all.substr(cut)}) {
    const auto typed = keys.feed(piece);
    if (typed.detach) std::abort();
    out += typed.keys;
  }
  if (!is_part_of(out, all)) std::abort();
  if (all.find('\x1B') == std::string_view::npos && out != all) std::abort();
  // Whatever was begun: it ends with the next key, or was a key.
  (void)keys.feed("\x18");
  if (keys.feed("z").keys != "z") std::abort();

  AttachKeys detaching(*detach_keys("ctrl-p,ctrl-q"));
  (void)detaching.feed(all.substr(0, cut));
  (void)detaching.feed(all.substr(cut));
  return 0;
}

}  // namespace relay::fuzz::attach_keys
