#include "base/duration.hpp"

#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <optional>

#include "base/printable.hpp"

namespace relay {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

constexpr std::array kUnits{
    Unit{"d", 86'400'000'000'000},
    Unit{"h", 3'600'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},
    Unit{"us", 1'000},
    Unit{"ns", 1},
};

constexpr std::uint64_t kMost = std::numeric_limits<Duration::rep>::max();
constexpr std::size_t kFractionDigits = 9;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
  std::size_t n = 0;
  while (n < text.size() && wanted(text[n])) ++n;
  const std::string_view taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

std::optional<std::uint64_t> whole_number(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char digit : digits) {
    const auto d = static_cast<std::uint64_t>(digit - '0');
    if (value > (kMost - d) / 10) return std::nullopt;
    value = value * 10 + d;
  }
  return value;
}

/// What ".25" of a unit is, without rounding errors of floating point; a rest below 1 ns is cut.
std::uint64_t fraction_of(std::string_view digits, std::uint64_t unit) {
  std::uint64_t part = 0;
  std::uint64_t scale = 1;
  for (const char digit : digits) {
    part = part * 10 + static_cast<std::uint64_t>(digit - '0');
    scale *= 10;
  }
  return unit / scale * part + unit % scale * part / scale;
}

tl::unexpected<Error> bad(std::string_view text, std::string_view why) {
  constexpr std::size_t kShown = 40;
  return fail(Code::invalid_argument,
              fmt::format("'{}' is no duration: {}", printable(text.substr(0, kShown)), why),
              "write it like 500ms, 30s, 10m or 1h30m");
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return bad(text, "it is empty");
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  std::string_view rest = text;
  bool last = false;
  while (!rest.empty()) {
    if (last) return bad(text, "only the last number may have a fraction");
    const std::string_view digits = take_while(rest, is_digit);
    if (digits.empty()) return bad(text, "a number is missing");
    std::string_view fraction;
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      fraction = take_while(rest, is_digit);
      if (fraction.empty() || fraction.size() > kFractionDigits) {
        return bad(text, "a fraction has one to nine digits");
      }
      last = true;
    }
    const std::string_view name = take_while(rest, [](char c) { return c >= 'a' && c <= 'z'; });
    if (name.empty()) return bad(text, "a unit is missing");
    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) return bad(text, "its units are d, h, m, s, ms, us and ns");
    if (unit < next_unit) return bad(text, "its units go from large to small, each once");
    next_unit = unit + 1;

    const std::uint64_t length = kUnits[unit].nanoseconds;
    const auto count = whole_number(digits);
    if (!count || *count > kMost / length) return bad(text, "it is too long");
    const std::uint64_t whole = *count * length;
    const std::uint64_t part = fraction_of(fraction, length);
    if (part > kMost - whole || total > kMost - whole - part) return bad(text, "it is too long");
    total += whole + part;
  }
  return Duration(static_cast<Duration::rep>(total));
}

std::string format_duration(Duration length) {
  if (length == Duration::zero()) return "0s";
  std::string text;
  auto rest = static_cast<std::uint64_t>(length.count());
  if (length < Duration::zero()) {
    text = "-";
    rest = 0 - rest;
  }
  for (const Unit& unit : kUnits) {
    if (rest >= unit.nanoseconds) text += fmt::format("{}{}", rest / unit.nanoseconds, unit.name);
    rest %= unit.nanoseconds;
  }
  return text;
}

}  // namespace relay
