#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace relay::redaction {

/// A piece of a line that must not be shown: [from, to). `quoted`: it stood for a JSON value that
/// was no string, and what takes its place has to be one.
struct Span {
  std::size_t from;
  std::size_t to;
  bool quoted;
};

/// The pieces that look like secrets; they may overlap. Linear in the length of the line.
[[nodiscard]] std::vector<Span> find_patterns(std::string_view line);

}  // namespace relay::redaction
