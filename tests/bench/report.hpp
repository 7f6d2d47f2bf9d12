#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relay::bench {

/// What is counted, and which way is better.
struct Unit {
  std::string name;
  bool more_is_better;
};

[[nodiscard]] inline Unit more(std::string name) {
  return {std::move(name), true};
}
[[nodiscard]] inline Unit less(std::string name) {
  return {std::move(name), false};
}

/// Who relay-broker is in every table.
inline constexpr std::string_view kOurs = "relay-broker";

/// One thing that is measured, a figure a round, of us and of others who take turns with us. They
/// are shown in the order in which they were first named.
class Question {
 public:
  Question(std::string what, Unit unit);

  void add(std::string_view who, double figure);
  void add(std::string_view who, const std::vector<double>& figures);
  /// This one was not measured.
  void skip(std::string_view who, std::string_view why);
  /// What our median has to be: at least this where more is better, else at most.
  void limit(double wanted) { limit_ = wanted; }
  /// How many times better than that one we have to be; below 1 that is a part of what it does.
  void limit_beside(std::string_view who, double times);

  [[nodiscard]] double median_of(std::string_view who) const;

 private:
  friend class Report;
  struct Entry {
    std::string who;
    std::vector<double> figures;
    std::string skipped;
    std::optional<double> least_ratio;

    [[nodiscard]] bool is_silent() const { return figures.empty() && skipped.empty(); }
  };
  /// A ratio of medians, and between which it was in the rounds.
  struct Ratio {
    double median;
    double least;
    double most;
  };

  Entry& entry(std::string_view who);
  [[nodiscard]] const Entry* find(std::string_view who) const;
  /// How many times better ours is than that one.
  [[nodiscard]] std::optional<Ratio> ratio(const Entry& other) const;
  [[nodiscard]] bool meets_limit(double ours) const;

  std::string what_;
  Unit unit_;
  std::optional<double> limit_;
  std::vector<Entry> entries_;
};

/// Prints what a bench has found: for people, or each question as one line of JSON, of which
/// `bench-all` makes one document.
class Report {
 public:
  Report(std::string_view bench, bool json) : bench_(bench), json_(json) {}

  void print(const Question& question) const;
  /// What is printed: lines, or one line.
  [[nodiscard]] std::string shown(const Question& question) const;
  /// One figure of ours, with nobody beside.
  void row(std::string what, double figure, Unit unit) const;
  void row(std::string what, double figure, Unit unit, double limit) const;

 private:
  [[nodiscard]] static std::string text_of(const Question& question);
  [[nodiscard]] std::string json_of(const Question& question) const;

  std::string bench_;
  bool json_;
};

/// Each of them once in every round, so that whatever else the machine does hits all alike.
void in_turns(int rounds, const std::vector<std::function<void()>>& contenders);

[[nodiscard]] double median(std::vector<double> values);

/// "5,518", "66.2" or "0.82": three digits that count, and all of a whole number.
[[nodiscard]] std::string in_short(double value);

}  // namespace relay::bench
