// Sessions as a broker has them: a real keeper, real programs, one loop for all.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>

#include "pty/session/session_writer.hpp"
#include "support/session_world.hpp"

namespace relay {
namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::held_output;
using test::SessionWorld;

pty::InjectionItem message(std::uint64_t id, std::string text) {
  pty::InjectionItem item;
  item.id = id;
  item.text = std::move(text);
  return item;
}

pty::SizeRequest size_of(const std::string& viewer, unsigned columns, unsigned rows) {
  pty::SizeRequest request;
  request.viewer = viewer;
  request.columns = columns;
  request.rows = rows;
  return request;
}

/// Turns the loop until `agent` has answered what is typed, twice: others have had their turn.
void talk(SessionWorld& world, Agent& agent, const std::string& line) {
  REQUIRE(agent.session->type(line + "\r"));
  world.until_shown(agent, line + "\r\n" + line + "\r\n");
}

}  // namespace

TEST_CASE_FIXTURE(SessionWorld, "a session ends with its program's status, after its last output") {
  auto& agent = shell("a", "head -c 100000 /dev/zero | tr '\\0' x; printf LAST; exit 7");
  until([&] { return agent.ended.has_value(); }, "it has ended");
  REQUIRE(*agent.ended);
  CHECK(**agent.ended == os::ExitStatus::exited(7));
  CHECK(agent.session->output().end() == 100004);
  CHECK(held_output(*agent.session).ends_with("xLAST"));
  const auto typed = agent.session->type("x");
  REQUIRE_FALSE(typed);
  CHECK(typed.error().code == Code::connection_closed);
  CHECK(agent.session->offer(message(1, "late")).error().code == Code::agent_not_found);
}

TEST_CASE_FIXTURE(SessionWorld, "a slow viewer is cut off with a cursor, and goes on from there") {
  auto& agent = shell("a",
                      "stty -opost -echo; echo line-1; read go; "
                      "for i in $(seq 2 40000); do echo line-$i; done; cat");
  auto& viewers = agent.session->viewers();
  const auto first = keeper.run(viewers.next(0, test::kPatience));
  REQUIRE(first);
  CHECK_FALSE(first->cut);
  CHECK(first->bytes.starts_with("line-1\n"));
  // It does not read on while the program prints more than the ring holds.
  REQUIRE(agent.session->type("go\n"));
  until_shown(agent, "line-40000\n");
  const auto cut = keeper.run(viewers.next(first->next(), test::kPatience));
  REQUIRE(cut);
  CHECK(cut->cut);
  CHECK(cut->from == agent.session->output().begin());
  // From there on nothing is missing.
  std::string rest = cut->bytes;
  auto cursor = cut->next();
  while (!rest.ends_with("line-40000\n")) {
    const auto piece = keeper.run(viewers.next(cursor, test::kPatience));
    REQUIRE(piece);
    REQUIRE_FALSE(piece->cut);
    REQUIRE(piece->from == cursor);
    rest += piece->bytes;
    cursor = piece->next();
  }
  CHECK(rest == held_output(*agent.session));
  // A snapshot says where to go on.
  CHECK(agent.session->screen().offset == cursor);
}

TEST_CASE_FIXTURE(SessionWorld, "a program that floods takes nobody's turn") {
  auto& flood = shell("flood", "yes 0123456789");
  auto& other =
      shell("other", "stty -echo; echo up; while read line; do echo $line; echo $line; done");
  until_shown(other, "up");
  for (int i = 0; i < 5; ++i) {
    const auto before = flood.session->output().end();
    talk(*this, other, fmt::format("hello-{}", i));
    until([&] { return flood.session->output().end() > before + 100'000; }, "it floods on");
  }
  // It can be stopped by a key.
  REQUIRE(flood.session->type("\x03"));
  until([&] { return flood.ended.has_value(); }, "it has ended");
  CHECK(**flood.ended == os::ExitStatus::signalled(SIGINT));
}

TEST_CASE_FIXTURE(SessionWorld,
                  "a program that does not read holds up nobody, and nothing for ever") {
  auto& stuck = shell("stuck", "stty raw -echo; echo up; sleep 1000");
  auto& other =
      shell("other", "stty -echo; echo up; while read line; do echo $line; echo $line; done");
  until_shown(stuck, "up");
  until_shown(other, "up");
  std::size_t given = 0;
  const std::string keys(4096, 'k');
  Code refused = Code::internal_error;
  while (refused != Code::queue_full) {
    const auto typed = stuck.session->type(keys);
    if (!typed) refused = typed.error().code;
    given += typed ? keys.size() : 0;
    REQUIRE(given < 4 * pty::SessionWriter::kMostBytes);
  }
  CHECK(given >= pty::SessionWriter::kMostBytes);
  REQUIRE(stuck.session->offer(message(7, "text")));
  CHECK_FALSE(keeper.run(stuck.session->wait_for_room(1ms)));
  talk(*this, other, "still-here");
  end(stuck);
  // Its message has an end, too.
  REQUIRE(stuck.endings.size() == 1);
  CHECK(stuck.endings[0].item == 7);
  CHECK(stuck.endings[0].outcome.end == pty::InjectionEnd::dead);
}

TEST_CASE_FIXTURE(SessionWorld, "one viewer owns the size, and the program hears of it once") {
  // bash forgets a signal that comes while it is in the trap of the one before.
  auto& agent =
      shell("a", "exec sh -c \"trap 'stty size' WINCH; echo up; while :; do sleep 0.01; done\"");
  until_shown(agent, "up");
  CHECK(agent.session->resize(size_of("first", 101, 31)).apply);
  until_shown(agent, "31 101");
  const auto other = agent.session->resize(size_of("second", 90, 20));
  CHECK_FALSE(other.apply);
  CHECK(std::string(other.reason) == "not_resize_owner");
  CHECK(agent.session->size().columns == 101);
  CHECK(agent.session->screen().columns == 101);
  CHECK(agent.session->resize(size_of("first", 77, 22)).apply);
  until_shown(agent, "22 77");
  CHECK(held_output(*agent.session).find("20 90") == std::string::npos);
}

TEST_CASE_FIXTURE(SessionWorld,
                  "without a real terminal the session answers, with one it does not") {
  const auto script =
      "stty raw -echo; printf 'ab\\033[6n'; head -c 6 | od -An -c | tr -d ' \\n'; "
      "printf '\\033[5n'; head -c 1 | od -An -c; echo END";
  auto& agent = shell("a", script);
  until_shown(agent, "033[1;3R");
  until_shown(agent, "END");
  auto& shown = shell("b", script);
  shown.session->set_real_terminal(true);
  until_shown(shown, "\x1B[6n");
  REQUIRE(shown.session->type("\x1B[9;9Rx"));
  until_shown(shown, "033[9;9R");
  until_shown(shown, "x\n");
}

TEST_CASE_FIXTURE(SessionWorld, "messages keep their order, and an answer that came early counts") {
  // An answer that was missed is missed for ever then: it is the only sign that the text was read.
  session_clock = &standing_clock;
  reads_are_told = false;
  auto& agent = shell(
      "a", "stty raw -echo; echo up; while :; do dd bs=4096 count=1 2>/dev/null; printf .; done");
  until_shown(agent, "up");
  std::string all;
  for (std::uint64_t id = 1; id <= 50; ++id) {
    const std::string text = fmt::format("message-{}", id);
    REQUIRE(agent.session->offer(message(id, text)));
    all += text + ".\r.";
  }
  until([&] { return agent.endings.size() == 50; }, "all have ended");
  for (std::uint64_t id = 1; id <= 50; ++id) {
    CHECK(agent.endings[id - 1].item == id);
    CHECK(agent.endings[id - 1].outcome.end == pty::InjectionEnd::typed);
  }
  until_shown(agent, "message-50.\r.");
  CHECK(held_output(*agent.session).ends_with(all));
}

TEST_CASE_FIXTURE(SessionWorld, "a program that has drawn nothing has not answered a text") {
  session_clock = &standing_clock;
  const std::string reads = (keeper.temp / "reads").string();
  auto& agent = shell("quiet", "stty raw -echo; : >" + reads + "; exec cat >/dev/null");
  // It draws nothing when it is ready; another one tells.
  auto& other = shell("other", "until [ -e " + reads + " ]; do sleep 0.01; done; echo up");
  until_shown(other, "up");
  REQUIRE(agent.session->offer(message(1, "text")));
  until([&] { return agent.session->injection().waits_for() == "answer"; },
        "its answer is awaited");
}

TEST_CASE_FIXTURE(SessionWorld,
                  "a text of lines is read as lines, and pastes are marked if wanted") {
  auto& lines =
      shell("lines", "stty -echo; echo up; while read -r line; do echo \"<$line>\"; done");
  until_shown(lines, "up");
  REQUIRE(lines.session->offer(message(1, "one\ntwo")));
  until_shown(lines, "<one>\r\n<two>\r\n");
  // The mode was switched on long before what the ring holds.
  auto& paste = shell("paste",
                      "printf '\\033[?2004h'; seq 20000; stty raw -echo; echo up; "
                      "head -c 16 | od -An -c | tr -d ' \\n'; echo END");
  until_shown(paste, "up");
  CHECK(held_output(*paste.session).find("2004h") == std::string::npos);
  REQUIRE(paste.session->offer(message(2, "text")));
  until_shown(paste, "033[200~text033[201~");
}

TEST_CASE_FIXTURE(SessionWorld, "a session that is left leaves its program alone") {
  auto& agent = shell("a", "stty -echo; echo up; cat; true");
  until_shown(agent, "up");
  REQUIRE(agent.session->offer(message(1, "hello")));
  until([&] { return agent.endings.size() == 1; }, "the message has ended");
  leave();
  REQUIRE(agent.ended);
  CHECK(agent.ended->error().code == Code::cancelled);
  CHECK_FALSE(test::alive_with(keeper.token_of("a")).empty());
}

}  // namespace relay
