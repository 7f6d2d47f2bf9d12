#include "conformance/ws_case.hpp"
#include "support/ws_wire.hpp"

namespace relay::test {
namespace {

using Cases = std::vector<WsCase>;
using Frames = std::vector<WsFrame>;
using Reaction = std::vector<std::string>;

/// 7.1 to 7.5: one close frame is answered with one, and nothing after it is looked at.
void closing(Cases& cases) {
  const WsFrame normal(kClose, ws_close_payload(1000));
  const Reaction closed{"close:1000"};
  const std::string big(262144, 'B');
  cases.emplace_back("7.1.1 message, then close", Frames{{kText, "Hello"}, normal},
                     Reaction{"text:Hello", "close:1000"});
  cases.emplace_back("7.1.2 close twice", Frames{normal, normal}, closed);
  cases.emplace_back("7.1.3 close, then ping", Frames{normal, {kPing, ""}}, closed);
  cases.emplace_back("7.1.4 close, then message", Frames{normal, {kText, "late"}}, closed);
  cases.emplace_back("7.1.5 close inside a message",
                     Frames{{kFirstText, "one"}, normal, {kLast, "two"}}, closed);
  cases.emplace_back("7.1.6 large message, close, ping", Frames{{kText, big}, normal, {kPing, ""}},
                     Reaction{"text:" + big, "close:1000"});
  cases.emplace_back("7.3.1 close without code", Frames{{kClose, ""}}, Reaction{"close:"});
  cases.emplace_back("7.3.2 close with one byte", Frames{{kClose, "\x03"}}, Reaction{"close:1002"});
  cases.emplace_back("7.3.3 close with code", Frames{normal}, closed);
  cases.emplace_back("7.3.4 close with reason", Frames{{kClose, ws_close_payload(1000, "bye")}},
                     closed);
  cases.emplace_back("7.3.5 reason of 123 bytes",
                     Frames{{kClose, ws_close_payload(1000, std::string(123, '*'))}}, closed);
  cases.emplace_back("7.3.6 reason of 124 bytes",
                     Frames{{kClose, ws_close_payload(1000, std::string(124, '*'))}},
                     Reaction{"close:1002"});
  cases.emplace_back("7.4.1 close in fragments", Frames{{0x08, ws_close_payload(1000)}},
                     Reaction{"close:1002"});
  cases.emplace_back("7.5.1 reason that is no UTF-8",
                     Frames{{kClose, ws_close_payload(1000, "bad \xce\xba\xed\xa0\x80")}},
                     Reaction{"close:1007"});
}

/// 7.7, 7.9, 7.13: which codes a close frame may carry.
void codes(Cases& cases) {
  for (const unsigned code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                              1014, 3000, 3999, 4000, 4999}) {
    cases.emplace_back("7.7 code " + std::to_string(code), Frames{{kClose, ws_close_payload(code)}},
                       Reaction{"close:" + std::to_string(code)});
  }
  for (const unsigned code :
       {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    cases.emplace_back("7.9 code " + std::to_string(code), Frames{{kClose, ws_close_payload(code)}},
                       Reaction{"close:1002"});
    cases.emplace_back("7.9 code " + std::to_string(code) + " with reason",
                       Frames{{kClose, ws_close_payload(code, "Reason")}}, Reaction{"close:1002"});
  }
}

/// 9: large messages, whole and in fragments, and many small ones.
void sizes(Cases& cases) {
  const std::string mebibyte(1048576, 'm');
  for (const std::size_t size : {65536, 262144, 1048576}) {
    const std::string text(size, 't');
    const auto n = std::to_string(size);
    cases.emplace_back("9.1 text of " + n, Frames{{kText, text}}, Reaction{"text:" + text});
    cases.emplace_back("9.2 binary of " + n, Frames{{kBinary, text}}, Reaction{"binary:" + text});
  }
  for (const std::size_t piece : {4096, 65536, 1048576}) {
    Frames frames;
    for (std::size_t at = 0; at < 4194304; at += piece) {
      const unsigned first = (at == 0 ? kFirstText : kMore) | (at + piece == 4194304 ? 0x80U : 0U);
      frames.emplace_back(first, std::string(piece, 'm'));
    }
    cases.emplace_back("9.3 4 MiB in fragments of " + std::to_string(piece), frames,
                       Reaction{"text:" + std::string(4194304, 'm')});
  }
  cases.emplace_back("9.4 4 MiB and one byte",
                     Frames{{kFirstText, mebibyte},
                            {kMore, mebibyte},
                            {kMore, mebibyte},
                            {kMore, mebibyte},
                            {kLast, "x"}},
                     Reaction{"close:1009"});
  cases.emplace_back("9.5 a frame of 1 MiB and one byte", Frames{{kText, mebibyte + "x"}},
                     Reaction{"close:1009"});
  Frames many;
  Reaction echoes;
  for (int i = 0; i < 2000; ++i) {
    many.emplace_back(i % 2 == 0 ? kText : kBinary, std::to_string(i));
    echoes.push_back((i % 2 == 0 ? "text:" : "binary:") + std::to_string(i));
  }
  cases.emplace_back("9.7 two thousand messages", many, echoes);
}

}  // namespace

std::vector<WsCase> ws_close_cases() {
  Cases cases;
  closing(cases);
  codes(cases);
  sizes(cases);
  cases.emplace_back("8.1 the wrong side masks", Frames{{kText, "Hello", true}},
                     Reaction{"close:1002"});
  cases.emplace_back("8.2 the wrong side masks, after a message",
                     Frames{{kText, "Hello"}, {kPing, "", true}},
                     Reaction{"text:Hello", "close:1002"});
  return cases;
}

}  // namespace relay::test
