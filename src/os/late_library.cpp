#include "os/late_library.hpp"

#include <dlfcn.h>
#include <string>

namespace relay::os {

void* open_late(const char* name, const char* directory) {
  void* found = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  if (found != nullptr || *directory == '\0') return found;
  const std::string path = std::string(directory) + "/" + name;
  return ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
}

}  // namespace relay::os
