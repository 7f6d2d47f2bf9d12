#include "conformance/ws_case.hpp"

namespace relay::test {
namespace {

using Cases = std::vector<WsCase>;
using Frames = std::vector<WsFrame>;
using Reaction = std::vector<std::string>;

/// 1: whole messages at every length where the header changes its form.
void framing(Cases& cases) {
  int n = 0;
  for (const std::size_t size : {0, 125, 126, 127, 128, 65535, 65536, 65537}) {
    const std::string text(size, '*');
    const std::string data(size, '\xfe');
    ++n;
    cases.emplace_back("1.1." + std::to_string(n), Frames{{kText, text}}, Reaction{"text:" + text});
    cases.emplace_back("1.2." + std::to_string(n), Frames{{kBinary, data}},
                       Reaction{"binary:" + data});
  }
}

/// 2: pings are answered with their data, in order; pongs nobody asked for are let pass.
void pings(Cases& cases) {
  const std::string bytes("\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 8);
  const std::string longest(125, '\xfe');
  cases.emplace_back("2.1 ping without data", Frames{{kPing, ""}}, Reaction{"pong:"});
  cases.emplace_back("2.2 ping with text", Frames{{kPing, "Hello, world!"}},
                     Reaction{"pong:Hello, world!"});
  cases.emplace_back("2.3 ping with bytes that are no text", Frames{{kPing, bytes}},
                     Reaction{"pong:" + bytes});
  cases.emplace_back("2.4 ping with 125 bytes", Frames{{kPing, longest}},
                     Reaction{"pong:" + longest});
  cases.emplace_back("2.5 ping with 126 bytes", Frames{{kPing, longest + "x"}},
                     Reaction{"close:1002"});
  cases.emplace_back("2.7 pong without data", Frames{{kPong, ""}}, Reaction{});
  cases.emplace_back("2.8 pong with data", Frames{{kPong, "unsolicited"}}, Reaction{});
  cases.emplace_back("2.9 pong, then ping", Frames{{kPong, "unsolicited"}, {kPing, "payload"}},
                     Reaction{"pong:payload"});
  Frames ten;
  Reaction answers;
  for (int i = 0; i < 10; ++i) {
    ten.emplace_back(kPing, "payload-" + std::to_string(i));
    answers.push_back("pong:payload-" + std::to_string(i));
  }
  cases.emplace_back("2.10 ten pings", ten, answers);
  cases.emplace_back("2.12 pong with 126 bytes", Frames{{kPong, longest + "x"}},
                     Reaction{"close:1002"});
}

/// 3: no extension is agreed on, so a reserved bit is an error; what came before is still answered.
void reserved_bits(Cases& cases) {
  const std::string text = "small";
  const Reaction refused{"close:1002"};
  const Reaction one_then_refused{"text:small", "close:1002"};
  cases.emplace_back("3.1 RSV3 on text", Frames{{kText | 0x10U, text}}, refused);
  cases.emplace_back("3.2 RSV2 after a message",
                     Frames{{kText, text}, {kText | 0x20U, text}, {kPing, ""}}, one_then_refused);
  cases.emplace_back("3.3 RSV2 and 3 after a message",
                     Frames{{kText, text}, {kText | 0x30U, text}, {kPing, ""}}, one_then_refused);
  cases.emplace_back("3.4 RSV1 after a message",
                     Frames{{kText, text}, {kText | 0x40U, text}, {kPing, ""}}, one_then_refused);
  cases.emplace_back("3.5 RSV1 and 3 on binary", Frames{{kBinary | 0x50U, "\xff\xfe"}}, refused);
  cases.emplace_back("3.6 RSV1 and 2 on ping", Frames{{kPing | 0x60U, text}}, refused);
  cases.emplace_back("3.7 all RSV on close", Frames{{kClose | 0x70U, ""}}, refused);
}

/// 4: opcodes without a meaning.
void reserved_opcodes(Cases& cases) {
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    const auto id = (opcode < 8 ? "4.1 opcode " : "4.2 opcode ") + std::to_string(opcode);
    cases.emplace_back(id, Frames{{0x80U | opcode, ""}}, Reaction{"close:1002"});
    cases.emplace_back(id + " with data", Frames{{0x80U | opcode, "data"}}, Reaction{"close:1002"});
    cases.emplace_back(id + " after a message",
                       Frames{{kText, "Hello"}, {0x80U | opcode, "data"}, {kPing, ""}},
                       Reaction{"text:Hello", "close:1002"});
    cases.emplace_back(id + " inside a message", Frames{{kFirstText, "He"}, {0x80U | opcode, ""}},
                       Reaction{"close:1002"});
  }
}

/// 5: messages in fragments, with control frames between them.
void fragments(Cases& cases) {
  const Reaction refused{"close:1002"};
  const WsFrame one(kFirstText, "fragment1");
  const WsFrame two(kLast, "fragment2");
  const std::string both = "text:fragment1fragment2";
  cases.emplace_back("5.1 ping in fragments", Frames{{0x09, "fragment1"}, two}, refused);
  cases.emplace_back("5.2 pong in fragments", Frames{{0x0A, "fragment1"}, two}, refused);
  cases.emplace_back("5.3 text in two", Frames{one, two}, Reaction{both});
  cases.emplace_back("5.6 text in two with a ping between", Frames{one, {kPing, "ping"}, two},
                     Reaction{"pong:ping", both});
  cases.emplace_back("5.7 text in two with a pong between", Frames{one, {kPong, "pong"}, two},
                     Reaction{both});
  cases.emplace_back("5.8 binary in three",
                     Frames{{kFirstBinary, "\xff"}, {kMore, "\xfe"}, {kLast, "\xfd"}},
                     Reaction{"binary:\xff\xfe\xfd"});
  cases.emplace_back("5.9 last fragment of nothing", Frames{{kLast, "x"}, {kText, "Hello"}},
                     refused);
  cases.emplace_back("5.12 fragment of nothing", Frames{{kMore, "x"}, {kText, "Hello"}}, refused);
  cases.emplace_back("5.15 fragment after the last", Frames{one, two, {kMore, "3"}, {kText, "x"}},
                     Reaction{both, "close:1002"});
  cases.emplace_back("5.16 fragments in the wrong order",
                     Frames{{kMore, "1"}, {kFirstText, "2"}, {kLast, "3"}}, refused);
  cases.emplace_back("5.17 last before first",
                     Frames{{kLast, "1"}, {kFirstText, "2"}, {kLast, "3"}}, refused);
  cases.emplace_back("5.18 a text inside a text", Frames{one, {kText, "fragment2"}}, refused);
  cases.emplace_back("5.18 a binary inside a text", Frames{one, {kBinary, "x"}}, refused);
  cases.emplace_back("5.19 five fragments with pings",
                     Frames{one,
                            {kMore, "2"},
                            {kPing, "ping1"},
                            {kMore, "3"},
                            {kMore, "4"},
                            {kPing, "ping2"},
                            {kLast, "5"}},
                     Reaction{"pong:ping1", "pong:ping2", "text:fragment12345"});
  Frames empty{{kFirstText, ""}};
  for (int i = 0; i < 1000; ++i) empty.emplace_back(kMore, "");
  empty.emplace_back(kLast, "end");
  cases.emplace_back("5.21 a thousand empty fragments", empty, Reaction{"text:end"});
}

}  // namespace

std::vector<WsCase> ws_frame_cases() {
  Cases cases;
  framing(cases);
  pings(cases);
  reserved_bits(cases);
  reserved_opcodes(cases);
  fragments(cases);
  return cases;
}

}  // namespace relay::test
