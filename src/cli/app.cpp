#include "cli/app.hpp"

namespace relay::cli {

int run(int, char**) {
  return 0;
}

}  // namespace relay::cli
