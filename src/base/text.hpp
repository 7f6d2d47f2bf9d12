#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relay {

/// Without the spaces, tabs, carriage returns and newlines at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// Every part between two separators, empty ones included: "a,,b" has three, "" has one.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// The parts between spaces, without the empty ones: " a  b" has two, "" has none.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);

/// ASCII letters in lower case; every other byte stays.
[[nodiscard]] std::string lower_ascii(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

/// "0 B", "1023 B", "1.0 KiB", "4.2 MiB": for people, rounded.
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

/// How many characters to insert, remove, replace or swap with their neighbour to make `b` of `a`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `known` that a person who typed `typed` most likely meant, for "did you mean …?".
/// Empty when none is near (more than a third of its characters differ). The first of equals wins.
[[nodiscard]] std::string_view nearest(std::string_view typed, std::span<const std::string> known);

}  // namespace relay
