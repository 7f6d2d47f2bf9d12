// For LD_PRELOAD: the engine is killed at the moment that a soak orders. Nothing of this is in the
// product: what it writes to its log and to its clients says where it is.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soak/engine_kill_orders.hpp"

namespace {

using relay::test::KillAt;
using relay::test::KillOrders;

KillOrders* map_orders() {
  const char* path = std::getenv(relay::test::kKillVariable);
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  void* at = ::mmap(nullptr, sizeof(KillOrders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return at == MAP_FAILED ? nullptr : static_cast<KillOrders*>(at);
}

/// The log of the engine's database.
bool is_log(int fd) {
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
  return std::strstr(path, "engine.db-wal") != nullptr;
}

bool is_ordered(KillAt here) {
  static KillOrders* const orders = map_orders();
  return orders != nullptr && orders->at == here;
}

/// After `is_ordered`.
bool is_now() {
  static KillOrders* const orders = map_orders();
  return orders->passes.fetch_sub(1) <= 0;
}

void die() {
  ::kill(::getpid(), SIGKILL);
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

void pass(KillAt here) {
  if (is_ordered(here) && is_now()) die();
}

}  // namespace

extern "C" {

int fdatasync(int fd) {
  static const auto real = next<int (*)(int)>("fdatasync");
  if (is_ordered(KillAt::before_sync) && is_log(fd) && is_now()) die();
  const int done = real(fd);
  if (is_ordered(KillAt::committed) && is_log(fd) && is_now()) die();
  return done;
}

ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (is_ordered(KillAt::before_write) && is_log(fd) && is_now()) die();
  if (is_ordered(KillAt::half_written) && is_log(fd) && is_now()) {
    (void)real(fd, from, size / 2, at);
    die();
  }
  return real(fd, from, size, at);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  static const auto real = next<ssize_t (*)(int, const struct msghdr*, int)>("sendmsg");
  pass(KillAt::before_answer);
  const ssize_t sent = real(fd, message, flags);
  pass(KillAt::answered);
  return sent;
}

ssize_t send(int fd, const void* from, size_t size, int flags) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, int)>("send");
  pass(KillAt::before_answer);
  const ssize_t sent = real(fd, from, size, flags);
  pass(KillAt::answered);
  return sent;
}

}  // extern "C"
