// The engine as a program of its own, for clients in other languages: prints {"port":N} and ends
// with its input.
#include <cstdio>
#include <unistd.h>

#include "support/real_engine.hpp"

int main() {
  const relay::test::RealEngine engine;
  std::printf("{\"port\":%u}\n", unsigned{engine.port()});
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
