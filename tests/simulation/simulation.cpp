// Engine, brokers and terminals on virtual time: `simulation [--seeds N] [--from SEED] [--hours H]
// [--part P]`. One seed is one run, always the same, and with `--part` a shorter one: its faults
// last one Pth as long. A broken promise is said with its seed and what happened last; `--seeds 1
// --from SEED` (and the same part) shows it again. `--pinned FILE` runs the seeds of a table: a
// seed and its part in each line, and what it has found.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
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
  std::string pinned;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--seeds") out.seeds = value;
    if (name == "--from") out.from = value;
    if (name == "--hours") out.hours = value;
    if (name == "--pinned") out.pinned = argv[i + 1];
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
  const auto after = std::chrono::duration<double>(again.elapsed()).count();
  std::fprintf(stderr, "seed %llu --part %d, after %.1f s: %s\n",
               static_cast<unsigned long long>(seed), part, after, broken.c_str());
}

/// What runs have come to so far.
struct Sum {
  Duration elapsed{};
  std::size_t messages = 0;
  std::size_t shown = 0;
  std::size_t repeats = 0;
  /// Of agents that are there at the end.
  std::size_t accepted = 0;
  std::size_t read = 0;
  std::size_t handed = 0;
  std::size_t buried = 0;
  std::uint64_t steps = 0;
  std::uint64_t seeds = 0;
};

/// A broker that writes messages off keeps every promise but that they are for reading.
constexpr std::size_t kEnoughOfAll = 5000;
bool is_read(const Sum& sum) {
  if (sum.accepted < kEnoughOfAll || sum.read * 20 >= sum.accepted * 19) return true;
  std::fprintf(stderr, "of %zu messages for agents that are there only %zu were read\n",
               sum.accepted, sum.read);
  return false;
}

/// False when a promise was broken, which is said.
bool run(std::uint64_t seed, int part, Sum& sum) {
  World world(WorldOptions::of_seed(seed, part));
  if (const auto broken = world.run()) {
    show(seed, part, *broken);
    return false;
  }
  sum.elapsed += world.elapsed();
  sum.messages += world.history().messages();
  sum.shown += world.history().shown();
  sum.repeats += world.history().repeats();
  const auto figures = world.figures();
  sum.accepted += figures.accepted;
  sum.read += figures.read;
  sum.handed += figures.handed;
  sum.buried += figures.buried;
  sum.steps += world.timeline.steps();
  ++sum.seeds;
  return true;
}

bool run_pinned(const std::string& path, Sum& sum) {
  std::ifstream table(path);
  bool good = true;
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::uint64_t seed = 0;
    int part = 0;
    if (!(words >> seed >> part)) return false;
    good = run(seed, part, sum) && good;
  }
  return good && sum.seeds > 0;
}

bool run_range(const Arguments& arguments, Sum& sum) {
  const auto enough = [&] {
    if (arguments.hours == 0) return sum.seeds >= arguments.seeds;
    return sum.elapsed >= std::chrono::hours(arguments.hours);
  };
  while (!enough()) {
    if (!run(arguments.from + sum.seeds, arguments.part, sum)) return false;
  }
  return is_read(sum);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  Sum sum;
  const bool good =
      arguments.pinned.empty() ? run_range(arguments, sum) : run_pinned(arguments.pinned, sum);
  const auto hours = std::chrono::duration<double, std::ratio<3600>>(sum.elapsed).count();
  std::printf(
      "%llu seeds, %.0f hours, %zu messages, %zu read, %zu of them repeats; %zu for agents that "
      "are "
      "there: %zu read, %zu in a terminal, %zu dead letters; %llu steps\n",
      static_cast<unsigned long long>(sum.seeds), hours, sum.messages, sum.shown, sum.repeats,
      sum.accepted, sum.read, sum.handed, sum.buried, static_cast<unsigned long long>(sum.steps));
  return good ? 0 : 1;
}
