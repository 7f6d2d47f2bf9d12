#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relay::bench {

/// The rows of a bench, for people or one JSON object a line.
class Report {
 public:
  Report(std::string_view bench, bool json) : bench_(bench), json_(json) {}

  void row(std::string_view name, double value, const char* unit) const;
  void at_least(std::string_view name, double value, const char* unit, double target) const;
  void at_most(std::string_view name, double value, const char* unit, double target) const;

 private:
  void judged(std::string_view name, double value, const char* unit, double target, bool met,
              const char* how) const;
  std::string bench_;
  bool json_;
};

[[nodiscard]] double median(std::vector<double> values);

}  // namespace relay::bench
