#include "broker/journal_log.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <string>

namespace relay::broker {
namespace {

/// A write-ahead log by the book: https://www.sqlite.org/fileformat2.html#walformat
class LogMaker {
 public:
  LogMaker() {
    std::string head;
    for (const std::uint32_t word : {0x377f0682U, 3007000U, 4096U, 0U, 11U, 22U}) put(head, word);
    sum(head);
    put(head, sums_[0]);
    put(head, sums_[1]);
    log = head;
  }
  /// A page full of one letter.
  void frame(std::uint32_t page, char letter, bool commit, std::uint32_t salt = 11) {
    std::string head;
    put(head, page);
    put(head, commit ? 9 : 0);
    const std::string bytes(4096, letter);
    sum(head);
    sum(bytes);
    put(head, salt);
    put(head, 22);
    put(head, sums_[0]);
    put(head, sums_[1]);
    log += head + bytes;
  }
  static std::size_t at(std::size_t frame) { return 32 + frame * (24 + 4096); }

  std::string log;

 private:
  static void put(std::string& out, std::uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(word >> shift & 0xff);
  }
  void sum(const std::string& bytes) {
    const auto word = [&](std::size_t i) {
      std::uint32_t value = 0;
      for (int k = 3; k >= 0; --k) {
        value = value << 8 | static_cast<unsigned char>(bytes[i + static_cast<std::size_t>(k)]);
      }
      return value;
    };
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      sums_[0] += word(i) + sums_[1];
      sums_[1] += word(i + 4) + sums_[0];
    }
  }
  std::uint32_t sums_[2] = {0, 0};
};

std::string pages(std::string_view letters) {
  std::string all;
  for (const char letter : letters) all += std::string(4096, letter);
  return all;
}

/// Two commits of two pages each.
LogMaker two_commits() {
  LogMaker made;
  made.frame(2, 'B', false);
  made.frame(3, 'C', true);
  made.frame(2, 'X', false);
  made.frame(4, 'D', true);
  return made;
}

}  // namespace

TEST_CASE("a whole log is not broken, and its pages are applied in order") {
  const auto made = two_commits();
  CHECK_FALSE(log_is_broken_inside(made.log));
  CHECK(with_log_applied(pages("abc"), made.log) == pages("aXCD"));
}

TEST_CASE("no log, a short one and an unfinished transaction are none of both") {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{32}, std::size_t{500}}) {
    const auto log = two_commits().log.substr(0, size);
    CHECK_FALSE(log_is_broken_inside(log));
    CHECK(with_log_applied(pages("abc"), log) == pages("abc"));
  }
  auto made = two_commits();
  made.frame(3, 'Z', false);
  CHECK_FALSE(log_is_broken_inside(made.log));
  CHECK(with_log_applied(pages("abc"), made.log) == pages("aXCD"));
}

TEST_CASE("a flipped bit in a commit that another one follows is seen, and its pages stay") {
  for (const std::size_t at :
       {LogMaker::at(0) + 24 + 100, LogMaker::at(0) + 5, LogMaker::at(1) + 17,
        LogMaker::at(1) + 24 + 4000, std::size_t{3}, std::size_t{18}}) {
    CAPTURE(at);
    auto made = two_commits();
    made.log[at] = static_cast<char>(made.log[at] ^ 4);
    CHECK(log_is_broken_inside(made.log));
    const auto applied = with_log_applied(pages("abc"), made.log);
    CHECK(applied.substr(4096, 4096) == pages("X"));
    CHECK(applied.substr(3 * 4096) == pages("D"));
  }
}

TEST_CASE("the last commit torn by a power cut is no damage") {
  auto made = two_commits();
  made.log[LogMaker::at(3) + 24 + 100] = 'e';
  CHECK_FALSE(log_is_broken_inside(made.log));
  auto cut = two_commits();
  cut.log.resize(cut.log.size() - 1000);
  CHECK_FALSE(log_is_broken_inside(cut.log));
}

TEST_CASE("frames that are left over from before are not looked at") {
  auto made = two_commits();
  made.frame(2, 'o', false, 10);
  made.frame(3, 'o', true, 10);
  made.frame(4, 'o', true, 10);
  CHECK_FALSE(log_is_broken_inside(made.log));
  CHECK(with_log_applied(pages("abc"), made.log) == pages("aXCD"));
}

TEST_CASE("a page number out of reach is not followed") {
  LogMaker made;
  made.frame(0x7fffffff, 'B', true);
  CHECK(with_log_applied(pages("abc"), made.log) == pages("abc"));
}

}  // namespace relay::broker
