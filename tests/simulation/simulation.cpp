// Engine, brokers and terminals on virtual time: `simulation [--seeds N] [--from SEED] [--hours H]
// [--part P]`. One seed is one run, always the same, and with `--part` a shorter one: its faults
// last one Pth as long. A broken promise is said with its seed and what happened last; `--seeds 1
// --from SEED` (and the same part) shows it again.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "simulation/world.hpp"

namespace {

using namespace relay;
using namespace relay::simulation;

struct Arguments {
  std::uint64_t seeds = 100;
  std::uint64_t from = 1;
  /// Goes on over the seeds until so many hours were simulated; 0: as many as there are seeds.
  std::uint64_t hours = 0;
  int part = 1;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--seeds") out.seeds = value;
    if (name == "--from") out.from = value;
    if (name == "--hours") out.hours = value;
    if (name == "--part") out.part = std::max(1, static_cast<int>(value));
  }
  return out;
}

void show(std::uint64_t seed, int part, const std::string& broken) {
  auto options = WorldOptions::of_seed(seed, part);
  options.logs = true;
  World again(options);
  const auto same = again.run();
  for (const auto& line : again.tail()) std::fprintf(stderr, "%s\n", line.c_str());
  if (same != broken) std::fprintf(stderr, "this seed is not one run: it has said before\n");
  std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed), broken.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  Duration elapsed{};
  std::size_t messages = 0;
  std::size_t shown = 0;
  std::size_t repeats = 0;
  std::uint64_t steps = 0;
  std::uint64_t seeds = 0;
  const auto enough = [&] {
    if (arguments.hours == 0) return seeds >= arguments.seeds;
    return elapsed >= std::chrono::hours(arguments.hours);
  };
  for (; !enough(); ++seeds) {
    const std::uint64_t seed = arguments.from + seeds;
    World world(WorldOptions::of_seed(seed, arguments.part));
    if (const auto broken = world.run()) {
      show(seed, arguments.part, *broken);
      return 1;
    }
    elapsed += world.elapsed();
    messages += world.history().messages();
    shown += world.history().shown();
    repeats += world.history().repeats();
    steps += world.timeline.steps();
  }
  const auto hours = std::chrono::duration<double, std::ratio<3600>>(elapsed).count();
  std::printf("%llu seeds, %.0f hours, %zu messages, %zu read, %zu of them repeats, %llu steps\n",
              static_cast<unsigned long long>(seeds), hours, messages, shown, repeats,
              static_cast<unsigned long long>(steps));
  return 0;
}
