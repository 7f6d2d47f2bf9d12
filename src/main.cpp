#include "cli/app.hpp"

int main(int argc, char** argv) {
  return relay::cli::run(argc, argv);
}
