// A person, or an agent, looks at what an agent has not read.
#include <fstream>

#include "integration/serve_world.hpp"

namespace relay::test {
namespace {

constexpr const char* kWaiting =
    R"({"ok":true,"data":{"unread_channels":[{"channel_name":"dev","unread_count":3}],)"
    R"("mentions":[{"id":"11","channel_name":"dev","agent_name":"eve","text":"@ada look",)"
    R"("created_at":"2026-01-01T00:00:00.000Z"}],"unread_dms":[{"conversation_id":"dm_1",)"
    R"("from":"bob","unread_count":2,"last_message":{"id":"12","text":"are you\u001b[31m there"}}],)"
    R"("recent_reactions":[]}})";

struct Reader : Member {
  /// Where the agent ada finds itself and its engine.
  os::Environment inside_ada() {
    engine.call([](FakeEngine& e) {
      e.state().add_agent(e.state().workspaces.front().id, "ada");
      return 0;
    });
    std::ofstream(temp / "token") << engine.call(
        [](FakeEngine& e) { return e.state().agent("ada").token; });
    std::filesystem::permissions(temp / "token", std::filesystem::perms::owner_read);
    os::Environment inside = environment;
    inside.set("RELAY_BASE_URL", engine.url());
    inside.set("RELAY_AGENT_TOKEN_FILE", (temp / "token").string());
    return inside;
  }
  /// So many messages can be marked as read; the newest one of the channel is 10.
  void marks(std::size_t times) {
    engine.call([times](FakeEngine& e) {
      e.answer("GET /v1/channels/{name}/messages",
               HttpScript::status(200, "application/json", R"({"ok":true,"data":[{"id":"10"}]})"));
      e.answer("POST /v1/messages/{id}/read",
               HttpScript::status(200, "application/json", R"({"ok":true,"data":{}})"), times);
      return 0;
    });
  }
  void waiting(const char* body = kWaiting) {
    engine.call([body](FakeEngine& e) {
      e.answer("GET /v1/inbox", HttpScript::status(200, "application/json", body));
      return 0;
    });
  }
};

}  // namespace

TEST_CASE_FIXTURE(Reader, "a person looks at the inbox of an agent of the broker") {
  serve({});
  spawn_reader("ada");
  waiting();
  const auto shown = run({"inbox", "--agent", "ada", "--limit", "7"});
  CHECK(shown.err.empty());
  CHECK(shown.out ==
        "FROM  WHERE   UNREAD  MESSAGE\n"
        "bob   direct  2       are you^[[31m there\n"
        "eve   #dev    @       @ada look\n"
        "      #dev    3\n");
  const Record asked = engine.next_request("GET /v1/inbox");
  CHECK(asked.target == "/v1/inbox?limit=7");
  const std::string token = engine.call([](FakeEngine& e) { return e.state().agent("ada").token; });
  CHECK(asked.header("Authorization") == "Bearer " + token);

  waiting(R"({"ok":true,"data":{"unread_channels":[],"mentions":[],"unread_dms":[]}})");
  CHECK(run({"inbox", "--as", "ada"}).out == "nothing is waiting\n");
  const auto unknown = run({"inbox", "--agent", "nobody", "--json"});
  CHECK(unknown.status == os::ExitStatus::exited(5));
  CHECK(text_at(unknown.out, "/error/code") == "agent_not_found");
}

TEST_CASE_FIXTURE(Reader,
                  "inside an agent it is the agent's own, and --mark-read marks all of it") {
  const os::Environment inside = inside_ada();
  waiting();
  marks(3);
  const auto shown = run_program(binary_command({"inbox", "--json", "--mark-read"}, inside));
  CHECK(text_at(shown.out, "/unread_dms/0/from") == "bob");
  CHECK(text_at(shown.out, "/error") == "absent");
  for (const char* id : {"12", "11", "10"}) {
    CHECK(engine.next_request("POST /v1/messages/{id}/read").target ==
          "/v1/messages/" + std::string(id) + "/read");
  }
}

TEST_CASE_FIXTURE(Reader, "what could not be shown is not marked as read") {
  const os::Environment inside = inside_ada();
  waiting();
  marks(3);
  const os::Command full(
      {"/bin/sh", "-c", "\"$0\" inbox --mark-read >/dev/full", relay_broker().string()}, inside);
  CHECK(run_program(full).status == os::ExitStatus::exited(75));
  const auto marked = engine.call(
      [](FakeEngine& e) { return e.requests_of("POST /v1/messages/{id}/read").size(); });
  CHECK(marked == 0);
}

TEST_CASE_FIXTURE(Reader, "what could not be marked was shown all the same") {
  const os::Environment inside = inside_ada();
  for (const bool json : {false, true}) {
    waiting();
    marks(1);
    engine.call([](FakeEngine& e) {
      e.answer("POST /v1/messages/{id}/read", HttpScript::refusal(403, "no_more_marks"));
      return 0;
    });
    std::vector<std::string> words{"inbox", "--mark-read"};
    if (json) words.emplace_back("--json");
    const auto half = run_program(binary_command(words, inside));
    CHECK(half.status == os::ExitStatus::exited(4));
    if (json) {
      CHECK(half.err.empty());
      CHECK(text_at(half.out, "/unread_dms/0/from") == "bob");
      CHECK(text_at(half.out, "/error/code") == "forbidden");
      CHECK(text_at(half.out, "/error/message").find("no_more_marks") != std::string::npos);
    } else {
      CHECK(half.out.find("@ada look") != std::string::npos);
      CHECK(half.err.find("not all of it is marked as read") != std::string::npos);
    }
  }
}

TEST_CASE_FIXTURE(Reader, "whose inbox, how much, and of which engine has to be clear") {
  CHECK(run({"inbox"}).status == os::ExitStatus::exited(2));
  for (const char* limit : {"0", "201", "x", "5x", "-1"}) {
    CHECK(run({"inbox", "--agent", "ada", "--limit", limit}).status == os::ExitStatus::exited(2));
  }
  CHECK(run({"inbox", "--agent", "ada"}).status == os::ExitStatus::exited(3));
  serve();
  spawn_reader("ada");
  const auto off = run({"inbox", "--agent", "ada"});
  CHECK(off.status == os::ExitStatus::exited(4));
  CHECK(off.err.find("has no engine") != std::string::npos);
}

}  // namespace relay::test
