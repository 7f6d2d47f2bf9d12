#include "pty/keeper/slim.hpp"

#include <cstdio>
#include <cstring>
#include <malloc.h>
#include <memory>
#include <sys/mman.h>

namespace relay::pty::keeper {

void give_back_start_up_memory() {
  ::malloc_trim(0);
  const std::unique_ptr<FILE, int (*)(FILE*)> smaps(::fopen("/proc/self/smaps", "re"), &::fclose);
  if (!smaps) return;
  char line[512];
  unsigned long from = 0;
  unsigned long to = 0;
  bool candidate = false;
  while (::fgets(line, sizeof line, smaps.get()) != nullptr) {
    unsigned long first = 0;
    unsigned long last = 0;
    char mode[5] = "";
    unsigned long inode = 0;
    // NOLINTNEXTLINE(cert-err34-c,bugprone-unchecked-string-to-number-conversion): the kernel's
    // format.
    if (std::sscanf(line, "%lx-%lx %4s %*s %*s %lu", &first, &last, mode, &inode) == 4) {
      from = first;
      to = last;
      candidate = inode != 0 && std::strchr(mode, 'w') == nullptr && mode[3] == 'p';
    } else if (candidate && std::strncmp(line, "Anonymous:", 10) == 0) {
      // A page that the linker has changed would come back as it is in the file.
      const bool unchanged = std::strtoul(line + 10, nullptr, 10) == 0;
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel prints addresses.
      if (unchanged) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
      candidate = false;
    }
  }
}

}  // namespace relay::pty::keeper
