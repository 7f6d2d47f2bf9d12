#include "cli/text_only.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/utf8.hpp"

namespace relay::cli {

Result<void> refuse_bytes(std::string_view what, std::string_view value) {
  if (is_valid_utf8(value)) return {};
  return fail(Code::invalid_argument,
              fmt::format("{} is not UTF-8: '{}'", what, printable(value.substr(0, 256))),
              "a broker can only be told text; give it another name, or put the bytes into a file");
}

Result<void> refuse_bytes(std::string_view what, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    auto text = refuse_bytes(what, value);
    if (!text) return text;
  }
  return {};
}

}  // namespace relay::cli
