// A program that does what it can to outlive its terminal: `<token> <way>…`. The token,
// its argv[0], is in the command line of everything it starts, by which a test finds them all. Says
// "up" when it has done its worst.
#include <csignal>
#include <cstdio>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

void ignore_all() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
}

/// A process of its own far away from its parents.
bool daemonised() {
  if (::fork() != 0) return false;
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  return true;
}

/// Each process lives for a moment and leaves one child behind.
[[noreturn]] void run_away(bool new_session) {
  for (;;) {
    if (::fork() != 0) ::_exit(0);
    if (new_session) ::setsid();
  }
}

/// Keeps a number of children alive and replaces those that die.
[[noreturn]] void refill() {
  constexpr int kChildren = 20;
  for (int i = 0; i < kChildren; ++i) {
    if (::fork() == 0) sleep_for_ever();
  }
  for (;;) {
    if (::wait(nullptr) > 0 && ::fork() == 0) sleep_for_ever();
  }
}

[[noreturn]] void start_anew(std::string token, std::string way = "sleep") {
  std::string ignore = "ignore";
  char* const words[] = {token.data(), ignore.data(), way.data(), nullptr};
  char* const no_variables[] = {nullptr};
  ::execve("/proc/self/exe", words, no_variables);
  ::_exit(1);
}

void do_one(const std::string& way, char** argv) {
  if (way == "ignore") {
    ignore_all();
  } else if (way == "setsid") {
    if (::fork() == 0) {
      ::setsid();
      sleep_for_ever();
    }
  } else if (way == "nohup") {
    if (::fork() == 0) {
      ::signal(SIGHUP, SIG_IGN);
      sleep_for_ever();
    }
  } else if (way == "double") {
    if (daemonised()) sleep_for_ever();
  } else if (way == "clean") {
    // Starts anew without any variable, as a daemon.
    if (daemonised()) start_anew(argv[0]);
  } else if (way == "lost" || way == "lost-chain") {
    // The same, and every mark that a program can take off is off.
    if (daemonised()) {
      const rlimit none{1, 1};
      ::setrlimit(RLIMIT_RTTIME, &none);
      start_anew(argv[0], way == "lost" ? "sleep" : "session-chain");
    }
  } else if (way == "chain") {
    if (::fork() == 0) run_away(false);
  } else if (way == "session-chain") {
    if (::fork() == 0) run_away(true);
  } else if (way == "refill") {
    if (::fork() == 0) refill();
  } else if (way == "headless") {
    // The main thread ends, another runs on: the process looks like a zombie.
    if (::fork() == 0) {
      std::thread([] { sleep_for_ever(); }).detach();
      ::pthread_exit(nullptr);
    }
  } else if (way == "stopped") {
    const pid_t child = ::fork();
    if (child == 0) sleep_for_ever();
    ::kill(child, SIGSTOP);
  } else if (way == "exit") {
    std::puts("up");
    std::fflush(stdout);
    ::_exit(7);
  } else if (way == "sleep") {
    std::puts("up");
    std::fflush(stdout);
    sleep_for_ever();
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) do_one(argv[i], argv);
  std::puts("up");
  std::fflush(stdout);
  sleep_for_ever();
}
