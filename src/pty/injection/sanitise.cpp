#include "pty/injection/sanitise.hpp"

#include <cstdint>
#include <fmt/format.h>
#include <iterator>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace relay::pty {
namespace {

constexpr char32_t kLineSeparator = 0x2028;
constexpr char32_t kParagraphSeparator = 0x2029;

bool is_c1(char32_t value) {
  return value >= 0x80 && value <= 0x9F;
}

}  // namespace

SanitisedBody sanitise_body(std::string_view body) {
  SanitisedBody out;
  out.text.reserve(body.size());
  while (!body.empty()) {
    const CodePoint point = first_code_point(body);
    if (!point.valid) {
      out.text += "\uFFFD";
      ++out.replaced;
    } else if (point.value == '\r') {
      out.text += '\n';
      if (body.size() > 1 && body[1] == '\n') body.remove_prefix(1);
    } else if (point.value == kLineSeparator || point.value == kParagraphSeparator) {
      out.text += '\n';
    } else if (point.value != '\t' && point.value != '\n' &&
               (point.value < 0x20 || point.value == 0x7F)) {
      out.text += '^';
      out.text += static_cast<char>(point.value ^ 0x40U);
      ++out.replaced;
    } else if (is_c1(point.value)) {
      fmt::format_to(std::back_inserter(out.text), "<U+{:04X}>",
                     static_cast<std::uint32_t>(point.value));
      ++out.replaced;
    } else {
      out.text += body.substr(0, point.length);
    }
    body.remove_prefix(point.length);
  }
  return out;
}

std::string sanitise_field(std::string_view field, std::size_t most) {
  // Four bytes of output need at least one of input, so more input cannot change what is kept.
  std::string text = printable(trim(field.substr(0, 4 * most)), Lines::one);
  if (text.size() <= most) return text;
  constexpr std::string_view kCut = "...";
  return std::string(truncate_utf8(text, most - kCut.size())) + std::string(kCut);
}

}  // namespace relay::pty
