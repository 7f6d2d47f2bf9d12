#include "os/signals.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace relay::os {
namespace {

bool blocked(int signal) {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return ::sigismember(&now, signal) == 1;
}

bool readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

}  // namespace

TEST_CASE("signals wait to be read instead of ending the process") {
  {
    SignalQueue queue{SIGTERM, SIGHUP};
    CHECK_FALSE(queue.next());
    CHECK_FALSE(readable(queue.fd()));
    REQUIRE(::kill(::getpid(), SIGTERM) == 0);
    CHECK(readable(queue.fd()));
    CHECK(queue.next() == SIGTERM);
    CHECK_FALSE(queue.next());
    REQUIRE(::kill(::getpid(), SIGHUP) == 0);
    CHECK(queue.next() == SIGHUP);
    CHECK((::fcntl(queue.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK_FALSE(blocked(SIGTERM));
  CHECK_FALSE(blocked(SIGHUP));
}

TEST_CASE("a signal that still waits at the end is dropped, not delivered") {
  {
    SignalQueue queue{SIGTERM};
    REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  }
  CHECK_FALSE(blocked(SIGTERM));
}

TEST_CASE("what was blocked before stays blocked") {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  {
    SignalQueue queue{SIGUSR1, SIGUSR2};
  }
  CHECK(blocked(SIGUSR1));
  CHECK_FALSE(blocked(SIGUSR2));
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

TEST_CASE("an ignored signal has its handler back afterwards") {
  struct sigaction before{};
  {
    const IgnoredSignal pipe(SIGPIPE);
    ::sigaction(SIGPIPE, nullptr, &before);
    CHECK((before.sa_handler == SIG_IGN));
  }
  ::sigaction(SIGPIPE, nullptr, &before);
  CHECK((before.sa_handler == SIG_DFL));
}

}  // namespace relay::os
