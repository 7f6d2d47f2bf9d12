#include "os/code_pages.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <link.h>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

#include "os/fd.hpp"

namespace relay::os {
namespace {

/// A debugger has its breakpoints in the code.
bool is_traced() {
  const Fd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  const std::string_view status(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return status.find("TracerPid:\t0\n") == std::string_view::npos;
}

/// Whether the loader has written into the code of this object.
bool has_relocated_code(const dl_phdr_info& object) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    // The linker gives the place as a number.
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(  // NOLINT
        object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
  }
  return false;
}

int forget_code_of(dl_phdr_info* object, std::size_t /*size*/, void* /*context*/) {
  if (has_relocated_code(*object)) return 0;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    const bool is_code = segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0;
    if (!is_code || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t end = (begin + segment.p_memsz + page - 1) / page * page;
    const std::uintptr_t first = begin / page * page;
    (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);  // NOLINT
  }
  return 0;
}

}  // namespace

void forget_used_code() noexcept {
  // What others have put into the code would go with its pages.
  if (std::getenv("LD_PRELOAD") != nullptr || is_traced()) return;
  ::dl_iterate_phdr(&forget_code_of, nullptr);
}

}  // namespace relay::os
