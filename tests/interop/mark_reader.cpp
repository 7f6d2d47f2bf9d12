// `mark-reader LOG`: an agent that writes down which messages it has read, and when.
#include "bench/broker_reader.hpp"

int main(int argc, char** argv) {
  return argc == 2 ? relay::bench::read_marks(argv[1]) : 2;
}
