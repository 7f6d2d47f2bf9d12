// Makes its terminal raw and ends in the way that its argument says: what terminal_test.cpp runs.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "os/terminal.hpp"

namespace {

void say(std::string_view text) {
  (void)!::write(STDOUT_FILENO, text.data(), text.size());
}

void wait_for_key() {
  char key = 0;
  (void)!::read(STDIN_FILENO, &key, 1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc > 1 ? argv[1] : "";
  if (way == "ignore") ::signal(SIGTERM, SIG_IGN);
  auto raw = relay::os::RawMode::enter(STDIN_FILENO);
  if (!raw) {
    std::puts(raw.error().message.c_str());
    return 9;
  }
  say("raw\n");
  wait_for_key();
  if (way == "exit") std::exit(3);
  if (way == "throw") throw std::runtime_error("on purpose");
  if (way == "abort") std::abort();
  if (way == "crash") ::raise(SIGSEGV);
  if (way == "fault")
    *static_cast<volatile int*>(
        ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) = 1;
  if (way == "timer") {
    // Sent by the kernel itself, as a hangup is.
    const itimerval soon{{0, 0}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &soon, nullptr);
    wait_for_key();
  }
  if (way == "leave") {
    raw->leave();
    say("cooked\n");
    wait_for_key();
    if (!raw->enter_again()) return 8;
    say("raw again\n");
    wait_for_key();
  }
  if (way == "twice") {
    try {
      (void)relay::os::RawMode::enter(STDIN_FILENO);
    } catch (const std::logic_error&) {
      return 4;
    }
  }
  if (way == "wait" || way == "ignore") {
    say("waiting\n");
    wait_for_key();
  }
  return 0;
}
