// For libraries that a test puts before libc (LD_PRELOAD) in a program that knows nothing of it.
#pragma once

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace relay::test {

/// What the test orders, in a file that it has mapped too; its path is in `variable`. Null for
/// none.
template <class Orders>
Orders* map_orders(const char* variable) {
  const char* path = std::getenv(variable);
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  void* at = ::mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return at == MAP_FAILED ? nullptr : static_cast<Orders*>(at);
}

/// Whether the path of an open file has this in it. Without memory of the heap or formatting, which
/// may call what is being replaced.
inline bool is_path_with(int fd, const char* part) {
  char name[64] = "/proc/self/fd/";
  char* end = name + std::strlen(name);
  if (fd >= 1000 || fd < 0) return false;
  for (int unit = 100; unit > 0; unit /= 10) {
    if (fd >= unit || unit == 1) *end++ = static_cast<char>('0' + fd / unit % 10);
  }
  char path[4096];
  const ssize_t length = ::readlink(name, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  return std::strstr(path, part) != nullptr;
}

/// The function that is replaced.
template <class Function>
Function replaced(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace relay::test
