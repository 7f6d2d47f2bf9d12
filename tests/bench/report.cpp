#include "bench/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>

#include "base/json_writer.hpp"

namespace relay::bench {
namespace {

constexpr const char* kNoRatio = "no ratio with a figure of 0 or less";

double least_of(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

double most_of(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

/// As many digits as say something.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double step = std::pow(10, std::floor(std::log10(std::abs(value))) - 4);
  return step < 1 ? std::round(value / step) * step : std::round(value);
}

void number(JsonWriter& to, std::string_view key, double value) {
  to.field(key, rounded(value));
}

std::string spread(double least, double most, std::size_t rounds) {
  if (rounds < 2) return {};
  return fmt::format(" ({} to {})", in_short(least), in_short(most));
}

const char* verdict(bool met) {
  return met ? "met" : "MISSED";
}

}  // namespace

Question::Question(std::string what, Unit unit) : what_(std::move(what)), unit_(std::move(unit)) {
  (void)entry(kOurs);
}

Question::Entry& Question::entry(std::string_view who) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [who](const Entry& each) { return each.who == who; });
  if (found != entries_.end()) return *found;
  return entries_.emplace_back(Entry{std::string(who), {}, {}, {}});
}

const Question::Entry* Question::find(std::string_view who) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [who](const Entry& each) { return each.who == who; });
  return found == entries_.end() ? nullptr : &*found;
}

void Question::add(std::string_view who, double figure) {
  entry(who).figures.push_back(figure);
}

void Question::add(std::string_view who, const std::vector<double>& figures) {
  auto& all = entry(who).figures;
  all.insert(all.end(), figures.begin(), figures.end());
}

void Question::skip(std::string_view who, std::string_view why) {
  entry(who).skipped = why;
}

void Question::limit_beside(std::string_view who, double times) {
  entry(who).least_ratio = times;
}

double Question::median_of(std::string_view who) const {
  const Entry* const found = find(who);
  return found == nullptr ? 0 : median(found->figures);
}

std::optional<Question::Ratio> Question::ratio(const Entry& other) const {
  const Entry* const ours = &entries_.front();
  if (ours == &other) return std::nullopt;
  if (ours->figures.empty() || other.figures.empty()) return std::nullopt;
  // Memory that was given back meanwhile makes a difference of two negative.
  if (least_of(ours->figures) <= 0 || least_of(other.figures) <= 0) return std::nullopt;
  const auto times = [this](double our, double their) {
    const double above = unit_.more_is_better ? our : their;
    const double below = unit_.more_is_better ? their : our;
    return above / below;
  };
  // Round by round where they took turns; else the most that the spreads allow.
  std::vector<double> rounds;
  if (ours->figures.size() == other.figures.size()) {
    for (std::size_t i = 0; i < other.figures.size(); ++i)
      rounds.push_back(times(ours->figures[i], other.figures[i]));
  } else {
    for (const double our : {least_of(ours->figures), most_of(ours->figures)}) {
      for (const double their : {least_of(other.figures), most_of(other.figures)})
        rounds.push_back(times(our, their));
    }
  }
  return Ratio{times(median(ours->figures), median(other.figures)), least_of(rounds),
               most_of(rounds)};
}

bool Question::meets_limit(double ours) const {
  return unit_.more_is_better ? ours >= *limit_ : ours <= *limit_;
}

void Report::print(const Question& question) const {
  fmt::print("{}", shown(question));
  std::fflush(stdout);
}

std::string Report::shown(const Question& question) const {
  return json_ ? json_of(question) : text_of(question);
}

void Report::row(std::string what, double figure, Unit unit) const {
  Question question(std::move(what), std::move(unit));
  question.add(kOurs, figure);
  print(question);
}

void Report::row(std::string what, double figure, Unit unit, double limit) const {
  Question question(std::move(what), std::move(unit));
  question.add(kOurs, figure);
  question.limit(limit);
  print(question);
}

std::string Report::text_of(const Question& question) {
  const auto& unit = question.unit_;
  std::string text = question.what_ + "\n";
  for (const auto& each : question.entries_) {
    if (each.is_silent()) continue;
    if (each.figures.empty()) {
      text += fmt::format("  {:<32} skipped: {}\n", each.who, each.skipped);
      continue;
    }
    const double middle = median(each.figures);
    text += fmt::format("  {:<32} {:>12}{}{}{}", each.who, in_short(middle),
                        unit.name.empty() ? "" : " ", unit.name,
                        spread(least_of(each.figures), most_of(each.figures), each.figures.size()));
    if (each.who == kOurs && question.limit_) {
      text += fmt::format(", at {} {}: {}", unit.more_is_better ? "least" : "most",
                          in_short(*question.limit_), verdict(question.meets_limit(middle)));
    }
    if (const auto ratio = question.ratio(each)) {
      text += fmt::format("; ours is {} times as good{}", in_short(ratio->median),
                          spread(ratio->least, ratio->most, each.figures.size()));
      if (each.least_ratio) {
        text += fmt::format(", at least {}: {}", in_short(*each.least_ratio),
                            verdict(ratio->median >= *each.least_ratio));
      }
    } else if (each.least_ratio) {
      text += fmt::format(", not judged: {}", kNoRatio);
    }
    text += "\n";
  }
  return text;
}

std::string Report::json_of(const Question& question) const {
  std::string line;
  JsonWriter to(line);
  to.begin_object();
  to.field("bench", bench_);
  to.field("what", question.what_);
  to.field("unit", question.unit_.name);
  to.field("better", question.unit_.more_is_better ? "more" : "less");
  to.key("of");
  to.begin_array();
  for (const auto& each : question.entries_) {
    if (each.is_silent()) continue;
    to.begin_object();
    to.field("who", each.who);
    if (each.figures.empty()) {
      to.field("skipped", each.skipped);
      to.end_object();
      continue;
    }
    const double middle = median(each.figures);
    number(to, "median", middle);
    number(to, "least", least_of(each.figures));
    number(to, "most", most_of(each.figures));
    to.key("rounds");
    to.begin_array();
    for (const double figure : each.figures) to.value(rounded(figure));
    to.end_array();
    if (each.who == kOurs && question.limit_) {
      number(to, "limit", *question.limit_);
      to.field("met", question.meets_limit(middle));
    }
    if (const auto ratio = question.ratio(each)) {
      number(to, "ratio", ratio->median);
      number(to, "ratio_least", ratio->least);
      number(to, "ratio_most", ratio->most);
      if (each.least_ratio) {
        number(to, "limit", *each.least_ratio);
        to.field("met", ratio->median >= *each.least_ratio);
      }
    } else if (each.least_ratio) {
      to.field("not_judged", kNoRatio);
    }
    to.end_object();
  }
  to.end_array();
  to.end_object();
  to.finish();
  return line + "\n";
}

void in_turns(int rounds, const std::vector<std::function<void()>>& contenders) {
  for (int round = 0; round < rounds; ++round) {
    for (const auto& contender : contenders) contender();
  }
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string in_short(double value) {
  const double size = std::abs(value);
  if (size == std::round(size) && size < 1000) return fmt::format("{:.0f}", value);
  if (size < 1) return fmt::format("{:.3g}", value);
  if (size < 10) return fmt::format("{:.2f}", value);
  if (size < 100) return fmt::format("{:.1f}", value);
  std::string digits = fmt::format("{:.0f}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

}  // namespace relay::bench
