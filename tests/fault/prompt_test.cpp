// F22, F23, S1: what becomes of a text at the prompt: folded, not entered, or full of control
// characters.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <iterator>
#include <random>

#include "base/utf8.hpp"
#include "fault/fault_world.hpp"
#include "support/bytes_of.hpp"
#include "support/seed.hpp"

namespace relay::test {
namespace {

/// The file that an input sends its reader to; empty when it is the text itself.
std::filesystem::path file_named_in(const std::string& input) {
  const auto said = input.find("in the file ");
  if (said == std::string::npos) return {};
  const auto from = input.find('/', said);
  return input.substr(from, input.find(' ', from) - from);
}

/// Characters that must not reach a terminal from a message, each in a body that shows what it is
/// for; more than 200 of them.
std::vector<std::string> crafted_bodies() {
  std::vector<char32_t> bad;
  for (char32_t c = 0; c < 0x20; ++c) bad.push_back(c);
  for (char32_t c = 0x7f; c < 0xa0; ++c) bad.push_back(c);
  std::vector<std::string> out;
  for (const char32_t c : bad) {
    std::string bytes;
    if (c < 0x80) {
      bytes += static_cast<char>(c);
    } else {
      bytes += {static_cast<char>(0xc2), static_cast<char>(c)};
    }
    out.push_back("a" + bytes + "b");
    out.push_back(bytes + "[201~\rrm -rf /\r");
    out.push_back("\x1b" + bytes + "[2" + bytes + "01~");
  }
  for (const char* text :
       {"\x1b[201~\rid\r", "\x1b\x1b[201~[201~\rid\r", "\x1b[2\x1b[201~01~\r", "\u009b201~\rid\r",
        "\x1b]52;c;aGk=\x07", "\u009d52;c;aGk=\u009c", "\x1bP$q\"p\x1b\\",
        "\x1b[6n\x1b[c\x1b]11;?\x07", "\x1b[?2004l\x1b[>1u", "user\u202etxt.exe\u202c",
        "\u2066hidden\u2069", "a\u2028b\u2029c", "\x03\x04\x16\x1a\x1c", "\r\n\r\n", "~.\r~.\r"}) {
    out.emplace_back(text);
  }
  return out;
}

/// Any characters, every second one of those that do harm.
std::string random_body(std::mt19937& random) {
  std::string out;
  for (auto left = 1 + random() % 24; left > 0; --left) {
    const unsigned any = random();
    switch (any % 6) {
      case 0: out += static_cast<char>((any >> 8U) % 0x20); break;
      case 1: out += {static_cast<char>(0xc2), static_cast<char>(0x80 + (any >> 8U) % 0x20)}; break;
      case 2: out += (any & 0x100U) != 0 ? "\x1b[201~" : "\x7f"; break;
      default: out += static_cast<char>(' ' + (any >> 8U) % 0x5f); break;
    }
  }
  return out;
}

/// Bytes of `text` that are neither text nor TAB nor line feed.
int harmful_in(std::string_view text) {
  int found = 0;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const auto c = point.value;
    if (!point.valid || (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0)) ++found;
    text.remove_prefix(point.length);
  }
  return found;
}

int take_out(std::string& from, std::string_view what) {
  int found = 0;
  for (auto at = from.find(what); at != std::string::npos; at = from.find(what, at)) {
    from.erase(at, what.size());
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE_FIXTURE(FaultWorld, "F22: a text of any length is read whole where pastes are folded") {
  serve();
  spawn("ada", "folds", "claude");
  int number = 0;
  int by_file = 0;
  for (const std::size_t size : {500, 1'021, 1'022, 1'023, 1'024, 2'047, 2'048, 2'049, 4'094, 4'095,
                                 4'096, 4'097, 8'192, 65'536}) {
    ++number;
    CAPTURE(size);
    std::string text = fmt::format("#{}#", number);
    text += std::string(size - 2 * text.size(), 'g') + text;
    dm("ada", text);
    wait_until([&] { return acked("ada") == static_cast<std::uint64_t>(number); },
               "it is acknowledged");
    wait_until([&] { return inputs("ada").size() == static_cast<std::size_t>(number); },
               "it is read");
    const std::string input = inputs("ada").back();
    const auto file = file_named_in(input);
    if (!file.empty()) ++by_file;
    CHECK((file.empty() ? input : bytes_of(file)).find(text) != std::string::npos);
  }
  const std::string submitted = ask({"status"}, "/agents/0/submitted");
  CHECK(submitted == std::to_string(number));
  figure("F22", fmt::format("{} lengths from 500 B to 64 KiB: {} submitted, each read whole, {} of "
                            "them from a file",
                            number, submitted, by_file));
}

TEST_CASE_FIXTURE(FaultWorld, "F23: an Enter that is swallowed is pressed again, and only Enter") {
  serve();
  spawn("ada", "swallows-1", "claude");
  const auto before = SystemClock().now();
  dm("ada", "#1#");
  wait_until([&] { return inputs("ada").size() == 2; }, "it is entered");
  const double took = milliseconds(SystemClock().now() - before) / 1000;
  CHECK(inputs("ada").front() == "swallowed");
  CHECK(inputs_with("ada", "#1#").size() == 1);
  // The text stands in it once.
  const std::string input = inputs("ada").back();
  CHECK(input.find("#1#") == input.rfind("#1#"));
  wait_until([&] { return ask({"status"}, "/agents/0/submitted") == "1"; },
             "it counts as submitted");
  figure("F23",
         fmt::format("1 Enter swallowed: found and pressed again after {:.1f} s (at most 5)", took),
         took, 5);
}

TEST_CASE_FIXTURE(FaultWorld, "F23: what cannot be entered is not verified, and not glued") {
  serve();
  spawn("ada", "swallows-4", "claude");
  dm("ada", "#1#");
  wait_until([&] { return ask({"status"}, "/agents/0/typed") == "1"; }, "it ends as typed");
  CHECK(ask({"status"}, "/agents/0/submitted") == "0");
  wait_until([&] { return inputs("ada").size() >= 4; }, "each Enter is written down");
  CHECK(inputs("ada").size() == 4);
  dm("ada", "#2#");
  wait_until([&] { return inputs("ada").size() == 6; }, "both are read");
  const auto first = inputs_with("ada", "#1#");
  const auto second = inputs_with("ada", "#2#");
  REQUIRE(first.size() == 1);
  REQUIRE(second.size() == 1);
  CHECK(first.front().find("#2#") == std::string::npos);
  CHECK(second.front().find("#1#") == std::string::npos);
  figure("F23",
         "every Enter of 4 swallowed: not verified; before the next text it was entered "
         "alone, glued to nothing");
}

TEST_CASE_FIXTURE(FaultWorld, "S1: no control character of a message reaches a terminal") {
  serve();
  spawn("ada", "logs");
  std::vector<std::string> bodies = crafted_bodies();
  const std::size_t crafted = bodies.size();
  CHECK(crafted > 200);
  const unsigned seed = test::seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int left = long_form("RELAY_BROKER_BODIES", 300); left > 0; --left) {
    bodies.push_back(random_body(random));
  }
  int messages = 0;
  std::string text;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    text += fmt::format("#{}# ", i) + bodies[i];
    if (text.size() < 3'000 && i + 1 < bodies.size()) continue;
    dm("ada", std::exchange(text, {}));
    ++messages;
  }
  const auto all = static_cast<std::uint64_t>(messages);
  wait_until([&] { return acked("ada") == all; }, "all are acknowledged");
  const std::string last = fmt::format("#{}# ", bodies.size() - 1);
  std::string typed;
  wait_until(
      [&] {
        typed = bytes_of(temp / "ada.inputs");
        return typed.find(last) != std::string::npos && typed.ends_with('\r');
      },
      "the last one is typed");
  // Besides the text there are the two ends of each paste and its Enter, which are our own.
  CHECK(take_out(typed, "\x1b[200~") == messages);
  CHECK(take_out(typed, "\x1b[201~") == messages);
  CHECK(take_out(typed, "\r") == messages);
  CHECK(harmful_in(typed) == 0);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (typed.find(fmt::format("#{}# ", i)) == std::string::npos) FAIL("body ", i, " is missing");
  }
  figure("S1", fmt::format("{} crafted and {} random bodies through a terminal: {} B typed, 0 "
                           "control characters but our own",
                           crafted, bodies.size() - crafted, typed.size()));
}

}  // namespace relay::test
