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
  engine.call([](FakeEngine& e) {
    e.state().add_agent(e.state().workspaces.front().id, "ada");
    return 0;
  });
  const std::string token = engine.call([](FakeEngine& e) { return e.state().agent("ada").token; });
  std::ofstream(temp / "token") << token;
  std::filesystem::permissions(temp / "token", std::filesystem::perms::owner_read);
  waiting();
  engine.call([](FakeEngine& e) {
    e.answer("GET /v1/channels/{name}/messages",
             HttpScript::status(200, "application/json", R"({"ok":true,"data":[{"id":"10"}]})"));
    e.answer("POST /v1/messages/{id}/read",
             HttpScript::status(200, "application/json", R"({"ok":true,"data":{}})"), 3);
    return 0;
  });
  os::Environment inside = environment;
  inside.set("RELAY_BASE_URL", engine.url());
  inside.set("RELAY_AGENT_TOKEN_FILE", (temp / "token").string());
  const auto shown = run_program(binary_command({"inbox", "--json", "--mark-read"}, inside));
  CHECK(text_at(shown.out, "/unread_dms/0/from") == "bob");
  for (const char* id : {"12", "11", "10"}) {
    CHECK(engine.next_request("POST /v1/messages/{id}/read").target ==
          "/v1/messages/" + std::string(id) + "/read");
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
