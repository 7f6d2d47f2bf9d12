#include "clis/scenario.hpp"

#include <chrono>
#include <fmt/format.h>

namespace relay::interop {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAll = 1000;

std::string plain(std::size_t number) {
  return fmt::format("MSG-{0:04} hello from the table END-{0:04}", number);
}

std::string lines(std::size_t number) {
  return fmt::format(
      "MSG-{0:04} of five lines\n\tindented\twith tabs\n\n    four spaces\nEND-{0:04}", number);
}

std::string four_kib(std::size_t number) {
  std::string text = fmt::format("MSG-{:04}", number);
  for (std::size_t word = 0; text.size() < 4096 - 16; ++word)
    text += fmt::format(" word{:03}", word);
  return text + fmt::format(" END-{:04}", number);
}

std::string emoji(std::size_t number) {
  return fmt::format(
      "MSG-{0:04} 👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ \u00E9 漢字かな "
      "한국어 "
      "עברית "
      "🚀🚀🚀 END-{0:04} 🎉",
      number);
}

std::string control(std::size_t number) {
  return fmt::format(
      "MSG-{0:04} \x1b[31mred\x1b[0m \x03 \x04 \x15 \x07 \x08 \x7f \x1a \x1b[201~ \x1b "
      "\xC2\x9B"
      "31m\r\n/exit\r!ls\n#x END-{0:04}",
      number);
}

std::string control_shown(std::size_t number) {
  return fmt::format(
      "MSG-{0:04} ^[[31mred^[[0m ^C ^D ^U ^G ^H ^? ^Z ^[[201~ ^[ <U+009B>31m\n"
      "/exit\n!ls\n#x END-{0:04}",
      number);
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"idle", plain, plain, 1, 200ms},
      {"turn end", plain, plain, 1},
      {"burst", plain, plain, kAll},
      {"busy", plain, plain, kAll, 100ms, 1500ms},
      {"tools", plain, plain, kAll, 100ms, 50ms, 5},
      {"boot", plain, plain, kAll, 0ms, 0ms, 0, true},
      {"dialogs", plain, plain, kAll, 0ms, 0ms, 0, true, true},
      {"stalls", plain, plain, 10, 0ms, 0ms, 0, false, false, true},
      {"lines", lines, lines, 10},
      {"4 KiB", four_kib, four_kib, 10},
      {"emoji", emoji, emoji, 10},
      {"control", control, control_shown, 10},
  };
  return all;
}

std::string message_id(std::size_t number) {
  return fmt::format("m{:04}", number);
}

}  // namespace relay::interop
