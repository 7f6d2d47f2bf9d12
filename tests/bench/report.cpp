#include "bench/report.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

namespace relay::bench {

void Report::row(std::string_view name, double value, const char* unit) const {
  if (json_) {
    fmt::print(R"({{"bench":"{}","row":"{}","unit":"{}","value":{:.2f}}})"
               "\n",
               bench_, name, unit, value);
  } else {
    fmt::print("{:<64} {:>12.2f} {}\n", name, value, unit);
  }
  std::fflush(stdout);
}

void Report::judged(std::string_view name, double value, const char* unit, double target, bool met,
                    const char* how) const {
  if (json_) {
    fmt::print(R"({{"bench":"{}","row":"{}","unit":"{}","value":{:.2f},"target":{:.2f},"met":{}}})"
               "\n",
               bench_, name, unit, value, target, met);
  } else {
    fmt::print("{:<64} {:>12.2f} {} ({} {:.2f}: {})\n", name, value, unit, how, target,
               met ? "met" : "MISSED");
  }
  std::fflush(stdout);
}

void Report::at_least(std::string_view name, double value, const char* unit, double target) const {
  judged(name, value, unit, target, value >= target, "at least");
}

void Report::at_most(std::string_view name, double value, const char* unit, double target) const {
  judged(name, value, unit, target, value <= target, "at most");
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace relay::bench
