#include "os/code_pages.hpp"

#include <cstddef>
#include <cstdint>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace relay::os {
namespace {

/// Code that cannot be written is what its file says: nothing is lost with its pages.
int forget_code_of(dl_phdr_info* object, std::size_t /*size*/, void* /*context*/) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    const bool is_code = segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0;
    if (!is_code || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t end = (begin + segment.p_memsz + page - 1) / page * page;
    const std::uintptr_t first = begin / page * page;
    // The linker gives the place as a number.
    (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);  // NOLINT
  }
  return 0;
}

}  // namespace

void forget_used_code() noexcept {
  ::dl_iterate_phdr(&forget_code_of, nullptr);
}

}  // namespace relay::os
