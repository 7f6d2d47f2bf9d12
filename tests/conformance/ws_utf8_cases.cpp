#include <string_view>

#include "conformance/ws_case.hpp"

// A bad text is refused with 1007 when its message is complete. RFC 6455 8.1 leaves the moment
// open, so 6.4 (fail fast) expects the same as 6.3.
namespace relay::test {
namespace {

using Cases = std::vector<WsCase>;
using Frames = std::vector<WsFrame>;
using Reaction = std::vector<std::string>;

/// The word of the UTF-8 stress tests: five characters in eleven bytes.
const std::string kKosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Each byte a fragment of its own.
Frames byte_by_byte(std::string_view text) {
  Frames frames;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned first = (i == 0 ? kFirstText : kMore) | (i + 1 == text.size() ? 0x80U : 0U);
    frames.emplace_back(first, std::string(text.substr(i, 1)));
  }
  return frames;
}

void utf8_fragments(Cases& cases) {
  const std::string text =
      "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!";
  const std::string bad = kKosme + "\xed\xa0\x80" + "edited";
  cases.emplace_back("6.1.1 empty", Frames{{kText, ""}}, Reaction{"text:"});
  cases.emplace_back("6.1.2 three empty utf8_fragments",
                     Frames{{kFirstText, ""}, {kMore, ""}, {kLast, ""}}, Reaction{"text:"});
  cases.emplace_back("6.1.3 empty, text, empty",
                     Frames{{kFirstText, ""}, {kMore, "middle"}, {kLast, ""}},
                     Reaction{"text:middle"});
  cases.emplace_back("6.2.1 valid", Frames{{kText, text}}, Reaction{"text:" + text});
  cases.emplace_back("6.2.2 valid, cut between characters",
                     Frames{{kFirstText, text.substr(0, 12)}, {kLast, text.substr(12)}},
                     Reaction{"text:" + text});
  cases.emplace_back("6.2.3 valid, byte by byte", byte_by_byte(text), Reaction{"text:" + text});
  cases.emplace_back("6.2.4 kosme, byte by byte", byte_by_byte(kKosme), Reaction{"text:" + kKosme});
  cases.emplace_back("6.3.1 invalid", Frames{{kText, bad}}, Reaction{"close:1007"});
  cases.emplace_back("6.3.2 invalid, byte by byte", byte_by_byte(bad), Reaction{"close:1007"});
  cases.emplace_back("6.4.1 invalid in the second of three",
                     Frames{{kFirstText, kKosme}, {kMore, "\xf4\x90\x80\x80"}, {kLast, "edited"}},
                     Reaction{"close:1007"});
  cases.emplace_back("6.4.2 invalid across two utf8_fragments",
                     Frames{{kFirstText, kKosme + "\xf4"}, {kMore, "\x90"}, {kLast, "edited"}},
                     Reaction{"close:1007"});
  cases.emplace_back("6.4.3 cut off at the end of the last fragment",
                     Frames{{kFirstText, "gr\xc3"}, {kLast, ""}}, Reaction{"close:1007"});
  cases.emplace_back("6.4.4 a ping inside a character",
                     Frames{{kFirstText, "\xc3"}, {kPing, "\xff"}, {kLast, "\xa4"}},
                     Reaction{"pong:\xff", "text:\xc3\xa4"});
}

struct Sequence {
  const char* id;
  std::string_view bytes;
  bool valid;
};

using namespace std::string_view_literals;

constexpr Sequence kSequences[] = {
    {"6.5 ascii", "hello world"sv, true},
    {"6.7 first of 1 byte", "\x00"sv, true},
    {"6.7 first of 2 bytes", "\xc2\x80"sv, true},
    {"6.7 first of 3 bytes", "\xe0\xa0\x80"sv, true},
    {"6.7 first of 4 bytes", "\xf0\x90\x80\x80"sv, true},
    {"6.8 first of 5 bytes", "\xf8\x88\x80\x80\x80"sv, false},
    {"6.8 first of 6 bytes", "\xfc\x84\x80\x80\x80\x80"sv, false},
    {"6.9 last of 1 byte", "\x7f"sv, true},
    {"6.9 last of 2 bytes", "\xdf\xbf"sv, true},
    {"6.9 last of 3 bytes", "\xef\xbf\xbf"sv, true},
    {"6.9 last of all", "\xf4\x8f\xbf\xbf"sv, true},
    {"6.10 last of 4 bytes", "\xf7\xbf\xbf\xbf"sv, false},
    {"6.10 last of 5 bytes", "\xfb\xbf\xbf\xbf\xbf"sv, false},
    {"6.10 last of 6 bytes", "\xfd\xbf\xbf\xbf\xbf\xbf"sv, false},
    {"6.11 before surrogates", "\xed\x9f\xbf"sv, true},
    {"6.11 after surrogates", "\xee\x80\x80"sv, true},
    {"6.11 replacement character", "\xef\xbf\xbd"sv, true},
    {"6.11 beyond the last", "\xf4\x90\x80\x80"sv, false},
    {"6.12 first continuation byte", "\x80"sv, false},
    {"6.12 last continuation byte", "\xbf"sv, false},
    {"6.12 two continuation bytes", "\x80\xbf"sv, false},
    {"6.12 three continuation bytes", "\x80\xbf\x80"sv, false},
    {"6.12 six continuation bytes", "\x80\xbf\x80\xbf\x80\xbf"sv, false},
    {"6.13 lonely c0", "\xc0 "sv, false},
    {"6.13 lonely c3", "\xc3 "sv, false},
    {"6.13 lonely df", "\xdf "sv, false},
    {"6.13 lonely e0", "\xe0 "sv, false},
    {"6.13 lonely ef", "\xef "sv, false},
    {"6.13 lonely f0", "\xf0 "sv, false},
    {"6.13 lonely f7", "\xf7 "sv, false},
    {"6.13 lonely f8", "\xf8 "sv, false},
    {"6.13 lonely fc", "\xfc "sv, false},
    {"6.14 2 bytes, last missing", "\xc0"sv, false},
    {"6.14 3 bytes, last missing", "\xe0\x80"sv, false},
    {"6.14 3 bytes, two missing", "\xe1"sv, false},
    {"6.14 4 bytes, last missing", "\xf0\x80\x80"sv, false},
    {"6.14 4 bytes, two missing", "\xf1\x80"sv, false},
    {"6.14 largest 2 bytes, last missing", "\xdf"sv, false},
    {"6.14 largest 3 bytes, last missing", "\xef\xbf"sv, false},
    {"6.14 largest 4 bytes, last missing", "\xf7\xbf\xbf"sv, false},
    {"6.15 incomplete ones in a row", "\xc0\xe0\x80\xf0\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"sv, false},
    {"6.16 fe", "\xfe"sv, false},
    {"6.16 ff", "\xff"sv, false},
    {"6.16 both", "\xfe\xfe\xff\xff"sv, false},
    {"6.17 slash in 2 bytes", "\xc0\xaf"sv, false},
    {"6.17 slash in 3 bytes", "\xe0\x80\xaf"sv, false},
    {"6.17 slash in 4 bytes", "\xf0\x80\x80\xaf"sv, false},
    {"6.17 slash in 5 bytes", "\xf8\x80\x80\x80\xaf"sv, false},
    {"6.17 slash in 6 bytes", "\xfc\x80\x80\x80\x80\xaf"sv, false},
    {"6.18 largest overlong in 2 bytes", "\xc1\xbf"sv, false},
    {"6.18 largest overlong in 3 bytes", "\xe0\x9f\xbf"sv, false},
    {"6.18 largest overlong in 4 bytes", "\xf0\x8f\xbf\xbf"sv, false},
    {"6.18 largest overlong in 5 bytes", "\xf8\x87\xbf\xbf\xbf"sv, false},
    {"6.18 largest overlong in 6 bytes", "\xfc\x83\xbf\xbf\xbf\xbf"sv, false},
    {"6.19 zero in 2 bytes", "\xc0\x80"sv, false},
    {"6.19 zero in 3 bytes", "\xe0\x80\x80"sv, false},
    {"6.19 zero in 4 bytes", "\xf0\x80\x80\x80"sv, false},
    {"6.20 surrogate d800", "\xed\xa0\x80"sv, false},
    {"6.20 surrogate db7f", "\xed\xad\xbf"sv, false},
    {"6.20 surrogate db80", "\xed\xae\x80"sv, false},
    {"6.20 surrogate dbff", "\xed\xaf\xbf"sv, false},
    {"6.20 surrogate dc00", "\xed\xb0\x80"sv, false},
    {"6.20 surrogate df80", "\xed\xbe\x80"sv, false},
    {"6.20 surrogate dfff", "\xed\xbf\xbf"sv, false},
    {"6.21 surrogate pair, lowest", "\xed\xa0\x80\xed\xb0\x80"sv, false},
    {"6.21 surrogate pair, low and high", "\xed\xa0\x80\xed\xbf\xbf"sv, false},
    {"6.21 surrogate pair, private", "\xed\xae\x80\xed\xb0\x80"sv, false},
    {"6.21 surrogate pair, highest", "\xed\xaf\xbf\xed\xbf\xbf"sv, false},
    {"6.22 noncharacter fffe", "\xef\xbf\xbe"sv, true},
    {"6.22 noncharacter ffff", "\xef\xbf\xbf"sv, true},
    {"6.22 noncharacter 1fffe", "\xf0\x9f\xbf\xbe"sv, true},
    {"6.22 noncharacter 8ffff", "\xf2\x8f\xbf\xbf"sv, true},
    {"6.22 noncharacter 10fffe", "\xf4\x8f\xbf\xbe"sv, true},
    {"6.23 byte order mark", "\xef\xbb\xbf"sv, true},
    {"6.23 replacement and more", "\xef\xbf\xbd\xef\xbf\xbc\xc2\xa0"sv, true},
};

}  // namespace

std::vector<WsCase> ws_utf8_cases() {
  Cases cases;
  utf8_fragments(cases);
  for (const auto& [id, bytes, valid] : kSequences) {
    const std::string text(bytes);
    const Reaction reaction{valid ? "text:" + text : "close:1007"};
    cases.emplace_back(id, Frames{{kText, text}}, reaction);
    cases.emplace_back(std::string(id) + ", byte by byte", byte_by_byte(text), reaction);
    const std::string inside = kKosme + text + kKosme;
    cases.emplace_back(std::string(id) + ", inside a text", Frames{{kText, inside}},
                       Reaction{valid ? "text:" + inside : "close:1007"});
  }
  // 6.6: every beginning of kosme; five of them end between characters.
  for (std::size_t size = 1; size <= kKosme.size(); ++size) {
    const std::string text = kKosme.substr(0, size);
    const bool valid = size == 2 || size == 5 || size == 7 || size == 9 || size == 11;
    cases.emplace_back("6.6 kosme, first " + std::to_string(size), Frames{{kText, text}},
                       Reaction{valid ? "text:" + text : "close:1007"});
  }
  return cases;
}

}  // namespace relay::test
