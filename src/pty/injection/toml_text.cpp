#include "pty/injection/toml_text.hpp"

#include <array>
#include <fmt/format.h>
#include <iterator>

#include "base/utf8.hpp"

namespace relay::pty {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr char kMark = '~';
constexpr std::string_view kDigits = "0123456789abcdef";

bool is_control(std::string_view rest) {
  const char c = rest.front();
  if (c == '\r') return !rest.starts_with("\r\n");
  return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n') || c == '\x7f';
}

/// `\u007e` would be taken for the mark afterwards.
bool is_escaped_mark(std::string_view rest) {
  constexpr std::array<std::string_view, 4> kSpelled = {"\\u007e", "\\u007E", "\\U0000007e",
                                                        "\\U0000007E"};
  for (const std::string_view spelled : kSpelled) {
    if (rest.starts_with(spelled)) return true;
  }
  return false;
}

/// What is wrong at the front of `rest`, or nothing.
std::string_view strange(std::string_view rest) {
  if (is_control(rest)) return "a control character";
  if (is_escaped_mark(rest)) return "a ~ written as an escape: write it as it is";
  return first_code_point(rest).valid ? "" : "a byte that is not UTF-8";
}

}  // namespace

Result<std::string> for_parser(std::string_view text, std::string_view file) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t line = 1;
  while (!text.empty()) {
    const std::string_view wrong = strange(text);
    if (!wrong.empty()) {
      return fail(Code::invalid_argument, fmt::format("{}:{}: there is {}", file, line, wrong));
    }
    if (text.front() == '\n') ++line;
    const std::size_t length = first_code_point(text).length;
    if (length == 1 && text.front() != kMark) {
      out += text.front();
    } else {
      for (const char c : text.substr(0, length)) {
        fmt::format_to(std::back_inserter(out), "{}{:02x}", kMark, static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string from_parser(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t high = text.size() < 3 ? std::string_view::npos : kDigits.find(text[1]);
    const std::size_t low = text.size() < 3 ? std::string_view::npos : kDigits.find(text[2]);
    const bool written =
        text.front() == kMark && high != std::string_view::npos && low != std::string_view::npos;
    out += written ? static_cast<char>(high * 16 + low) : text.front();
    text.remove_prefix(written ? 3 : 1);
  }
  return out;
}

}  // namespace relay::pty
