#include "bench/broker_reader.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <string_view>
#include <time.h>
#include <unistd.h>

namespace relay::bench {
namespace {

constexpr std::size_t kDigits = 8;

/// Takes the marks out of `text`, with everything before them.
std::string rows_of(std::string& text, std::int64_t at) {
  std::string rows;
  for (auto found = text.find('#'); found != std::string::npos; found = text.find('#')) {
    if (text.size() < found + kDigits + 2) break;
    const std::string_view digits = std::string_view(text).substr(found + 1, kDigits);
    const bool mark = text[found + kDigits + 1] == '#' &&
                      digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (mark) rows += fmt::format("{} {}\n", at, digits);
    text.erase(0, found + (mark ? kDigits + 2 : 1));
  }
  return rows;
}

}  // namespace

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string mark_of(std::size_t number) {
  return fmt::format("#{:08}#", number);
}

int read_marks(const std::string& log) {
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 1;
  const std::string began = fmt::format("{} 0\n", now_ns());
  if (::write(file, began.data(), began.size()) < 0) return 1;
  std::string text;
  std::string buffer(std::size_t{64} << 10, '\0');
  for (;;) {
    const ssize_t got = ::read(0, buffer.data(), buffer.size());
    if (got <= 0) return 0;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    const std::string rows = rows_of(text, now_ns());
    if (!rows.empty() && ::write(file, rows.data(), rows.size()) < 0) return 1;
  }
}

std::vector<MarkRead> marks_in(const std::string& log) {
  std::vector<MarkRead> all;
  std::ifstream file(log);
  for (MarkRead each; file >> each.at >> each.number;) {
    if (each.number != 0) all.push_back(each);
  }
  return all;
}

std::int64_t began_at(const std::string& log) {
  std::int64_t at = 0;
  std::ifstream(log) >> at;
  return at;
}

}  // namespace relay::bench
