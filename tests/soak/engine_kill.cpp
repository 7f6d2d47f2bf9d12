// For LD_PRELOAD: the engine is killed at the moment that a soak orders. Nothing of this is in the
// product: what it writes to its log and to its clients says where it is.
#include <csignal>
#include <sys/socket.h>
#include <unistd.h>

#include "soak/engine_kill_orders.hpp"
#include "support/interposer.hpp"

namespace {

using relay::test::KillAt;
using relay::test::KillOrders;
using relay::test::replaced;

/// The log of the engine's database.
bool is_log(int fd) {
  return relay::test::is_path_with(fd, "engine.db-wal");
}

KillOrders* given() {
  static auto* const orders = relay::test::map_orders<KillOrders>(relay::test::kKillVariable);
  return orders;
}

bool is_ordered(KillAt here) {
  return given() != nullptr && given()->at == here;
}

/// After `is_ordered`.
bool is_now() {
  return given()->passes.fetch_sub(1) <= 0;
}

void die() {
  ::kill(::getpid(), SIGKILL);
}

void pass(KillAt here) {
  if (is_ordered(here) && is_now()) die();
}

}  // namespace

extern "C" {

int fdatasync(int fd) {
  static const auto real = replaced<int (*)(int)>("fdatasync");
  if (is_ordered(KillAt::before_sync) && is_log(fd) && is_now()) die();
  const int done = real(fd);
  if (is_ordered(KillAt::committed) && is_log(fd) && is_now()) die();
  return done;
}

ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  static const auto real = replaced<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (is_ordered(KillAt::before_write) && is_log(fd) && is_now()) die();
  if (is_ordered(KillAt::half_written) && is_log(fd) && is_now()) {
    (void)real(fd, from, size / 2, at);
    die();
  }
  return real(fd, from, size, at);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  static const auto real = replaced<ssize_t (*)(int, const struct msghdr*, int)>("sendmsg");
  pass(KillAt::before_answer);
  const ssize_t sent = real(fd, message, flags);
  pass(KillAt::answered);
  return sent;
}

ssize_t send(int fd, const void* from, size_t size, int flags) {
  static const auto real = replaced<ssize_t (*)(int, const void*, size_t, int)>("send");
  pass(KillAt::before_answer);
  const ssize_t sent = real(fd, from, size, flags);
  pass(KillAt::answered);
  return sent;
}

}  // extern "C"
