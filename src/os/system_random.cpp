#include "os/system_random.hpp"

#include <cerrno>
#include <sys/random.h>
#include <system_error>

namespace relay::os {

void SystemRandom::fill(std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t n = ::getrandom(into.data(), into.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
    into = into.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace relay::os
