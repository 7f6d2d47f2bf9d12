#include "broker/journal.hpp"

#include <sys/stat.h>

#include "broker/journal_world.hpp"

namespace relay::broker {
namespace {

using namespace std::chrono_literals;

struct OpenJournal : JournalWorld {
  OpenJournal() { open(); }

  std::vector<Message> waiting() { return get(journal().open_messages()).open; }
  std::vector<DeadMessage> dead() { return get(journal().dead_letters(0, 100)); }
  void surface(const std::string& agent, const std::string& id, std::uint64_t seq,
               const std::string& payload = "hello") {
    auto change = change_of({});
    change->actions.emplace_back(Surface{delivery_of(agent, id, seq, payload), false});
    get(journal().save(change));
  }
  Attempt begin(const std::string& id, std::uint64_t seq, const std::string& generation) {
    return get(journal().begin_attempt(only("a1", id, seq), generation)).at(0);
  }
};

unsigned mode_of(const os::Path& path) {
  struct stat info{};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

}  // namespace

TEST_CASE_FIXTURE(OpenJournal, "a saved message is there after a restart, as it was") {
  auto change = change_of({});
  const std::string bytes("{\"text\":\"a\0b\"}", 14);
  change->actions.emplace_back(Surface{delivery_of("a1", "d1", 1, bytes), false});
  change->actions.emplace_back(Surface{delivery_of("a1", "d0", 0, ""), true});
  get(journal().save(change));
  open();
  const auto messages = waiting();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].key == MessageKey("a1", "d1", 1));
  CHECK(messages[0].agent_name == "name of a1");
  CHECK(messages[0].payload == bytes);
  CHECK(messages[0].origin == MessageOrigin::engine);
  CHECK(messages[0].state == MessageState::accepted);
  CHECK(messages[0].attempts == 0);
  CHECK(messages[0].accepted == clock.wall());
  CHECK_FALSE(messages[0].late);
  CHECK(messages[1].late);
  CHECK(messages[1].payload.empty());
  CHECK(journal().report().empty());
}

TEST_CASE_FIXTURE(OpenJournal, "a save that is repeated changes nothing") {
  surface("a1", "d1", 1);
  surface("a1", "d1", 1);
  CHECK(waiting().size() == 1);
  CHECK(begin("d1", 1, "g1").number == 1);
  surface("a1", "d1", 1);
  CHECK(waiting().at(0).state == MessageState::writing);
}

TEST_CASE_FIXTURE(OpenJournal, "an attempt is durable before a key is typed, and numbered") {
  surface("a1", "d1", 1);
  const auto first = begin("d1", 1, "g1");
  CHECK(first.standing == Attempt::Standing::begun);
  CHECK(first.number == 1);
  CHECK_FALSE(first.may_repeat);
  open();
  auto message = waiting().at(0);
  CHECK(message.state == MessageState::writing);
  CHECK(message.generation == "g1");
  CHECK(message.attempts == 1);
  const auto second = begin("d1", 1, "g2");
  CHECK(second.number == 2);
  CHECK(second.may_repeat);
  get(journal().written(only("a1", "d1", 1), "g2"));
  open();
  CHECK(waiting().at(0).state == MessageState::written);
}

TEST_CASE_FIXTURE(OpenJournal, "an attempt that typed nothing is taken back, and is no repeat") {
  surface("a1", "d1", 1);
  begin("d1", 1, "g1");
  CHECK(did(journal().take_back(only("a1", "d1", 1), "g2")).error().code == Code::conflict);
  get(journal().take_back(only("a1", "d1", 1), "g1"));
  open();
  CHECK(waiting().at(0).state == MessageState::accepted);
  CHECK(waiting().at(0).attempts == 0);
  CHECK_FALSE(begin("d1", 1, "g1").may_repeat);
}

TEST_CASE_FIXTURE(OpenJournal, "what another session than the last says is refused") {
  surface("a1", "d1", 1);
  begin("d1", 1, "g1");
  begin("d1", 1, "g2");
  for (const auto* stale : {"g1", ""}) {
    CAPTURE(stale);
    CHECK(did(journal().finish(only("a1", "d1", 1), stale, Outcome::submitted())).error().code ==
          Code::conflict);
    CHECK(did(journal().written(only("a1", "d1", 1), stale)).error().code == Code::conflict);
    CHECK(did(journal().give_back(only("a1", "d1", 1), stale)).error().code == Code::conflict);
  }
  CHECK(waiting().size() == 1);
  get(journal().finish(only("a1", "d1", 1), "g2", Outcome::submitted()));
  CHECK(waiting().empty());
}

TEST_CASE_FIXTURE(OpenJournal, "a list of messages is changed as a whole or not at all") {
  surface("a1", "d1", 1);
  surface("a1", "d2", 2);
  begin("d1", 1, "g1");
  auto keys = only("a1", "d1", 1);
  keys.emplace_back("a1", "d2", 2);
  CHECK(did(journal().finish(keys, "g1", Outcome::typed())).error().code == Code::conflict);
  CHECK(waiting().size() == 2);
}

TEST_CASE_FIXTURE(OpenJournal, "what has ended is not begun again for seven days") {
  surface("a1", "d1", 1);
  begin("d1", 1, "g1");
  get(journal().finish(only("a1", "d1", 1), "g1", Outcome::submitted()));
  // Said twice: the answer can get lost.
  get(journal().finish(only("a1", "d1", 1), "g1", Outcome::submitted()));
  // The engine counts anew and sends it again.
  surface("a1", "d1", 7);
  open();
  CHECK(begin("d1", 7, "g1").standing == Attempt::Standing::ended);
  CHECK(waiting().empty());
  CHECK(begin("d9", 9, "g1").standing == Attempt::Standing::unknown);
  CHECK(did(journal().finish(only("a1", "d9", 9), "g1", Outcome::typed())).error().code ==
        Code::not_found);

  clock.advance(24h * 7 - 1s);
  CHECK(get(journal().sweep()) == 0);
  surface("a1", "d1", 8);
  CHECK(begin("d1", 8, "g1").standing == Attempt::Standing::ended);
  clock.advance(2s);
  CHECK(get(journal().sweep()) == 1);
  surface("a1", "d1", 9);
  CHECK(begin("d1", 9, "g1").standing == Attempt::Standing::begun);
}

TEST_CASE_FIXTURE(OpenJournal, "an id that only stands for a number is not remembered") {
  surface("a1", "seq-5", 5);
  begin("seq-5", 5, "g1");
  get(journal().finish(only("a1", "seq-5", 5), "g1", Outcome::typed()));
  surface("a1", "seq-5", 5);
  CHECK(begin("seq-5", 5, "g1").standing == Attempt::Standing::begun);
}

TEST_CASE_FIXTURE(OpenJournal, "a message that dies is a dead letter, and remembered") {
  surface("a1", "d1", 1, "the text");
  begin("d1", 1, "g1");
  clock.advance(5s);
  get(journal().finish(only("a1", "d1", 1), "g1", Outcome::dead("not_ready")));
  open();
  CHECK(waiting().empty());
  const auto letters = dead();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].key == MessageKey("a1", "d1", 1));
  CHECK(letters[0].agent_name == "name of a1");
  CHECK(letters[0].payload == "the text");
  CHECK(letters[0].reason == "not_ready");
  CHECK(letters[0].attempts == 1);
  CHECK(letters[0].died - letters[0].accepted == 5s);
  surface("a1", "d1", 1);
  CHECK(begin("d1", 1, "g1").standing == Attempt::Standing::ended);
}

TEST_CASE_FIXTURE(OpenJournal, "a dead letter is delivered again as a new message") {
  surface("a1", "d1", 1, "the text");
  begin("d1", 1, "g1");
  get(journal().finish(only("a1", "d1", 1), "g1", Outcome::dead("not_ready")));
  const auto id = dead().at(0).id;
  const auto message = get(journal().redeliver(id, "a1"));
  CHECK(message.key == MessageKey("a1", "d1", 1));
  CHECK(message.payload == "the text");
  CHECK(dead().empty());
  const auto again = waiting().at(0);
  CHECK(again.origin == MessageOrigin::redelivered);
  CHECK(again.attempts == 0);
  CHECK(begin("d1", 1, "g2").standing == Attempt::Standing::begun);
  CHECK(did(journal().redeliver(id, "a1")).error().code == Code::not_found);
}

TEST_CASE_FIXTURE(OpenJournal, "what is waiting already is not delivered again beside itself") {
  surface("a1", "d1", 1);
  CHECK(get(journal().drop(only("a1", "d1", 1), "agent_released")) == 1);
  surface("a1", "d1", 1);
  CHECK(did(journal().redeliver(dead().at(0).id, "a1")).error().code == Code::conflict);
  CHECK(dead().size() == 1);
}

TEST_CASE_FIXTURE(OpenJournal, "dead letters are listed by id, and removed") {
  for (int i = 1; i <= 5; ++i) {
    const auto id = "d" + std::to_string(i);
    surface("a1", id, static_cast<std::uint64_t>(i));
    get(journal().drop(only("a1", id, static_cast<std::uint64_t>(i)), "agent_released"));
  }
  const auto first = get(journal().dead_letters(0, 2));
  REQUIRE(first.size() == 2);
  CHECK(first[1].key.delivery_id == "d2");
  const auto rest = get(journal().dead_letters(first[1].id, 10));
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].key.delivery_id == "d3");
  get(journal().remove_dead_letter(rest[0].id));
  CHECK(dead().size() == 4);
  CHECK(did(journal().remove_dead_letter(rest[0].id)).error().code == Code::not_found);
  CHECK(did(journal().dead_letter(rest[0].id)).error().code == Code::not_found);
  CHECK(get(journal().dead_letter(rest[1].id)).key.delivery_id == "d4");
  // An id is never given to another one, or somebody drops what he has not seen.
  get(journal().remove_dead_letter(rest[2].id));
  open();
  surface("a1", "d6", 6);
  get(journal().drop(only("a1", "d6", 6), "agent_released"));
  CHECK(dead().back().id > rest[2].id);
}

TEST_CASE_FIXTURE(OpenJournal, "the oldest of more than 10,000 dead letters go, and are counted") {
  auto change = change_of({});
  for (std::uint64_t i = 1; i <= 10'003; ++i) {
    change->actions.emplace_back(
        DeadLetter{delivery_of("a9", "d" + std::to_string(i), i), DeadReason::unknown_agent});
  }
  get(journal().save(change));
  const auto first = get(journal().dead_letters(0, 1));
  CHECK(first.at(0).key.delivery_id == "d4");
  CHECK(get(journal().dead_letters(0, 20'000)).size() == 10'000);
  CHECK(journal().counters().evicted == 3);
  open();
  CHECK(journal().counters().evicted == 3);
}

TEST_CASE_FIXTURE(OpenJournal, "a message from this machine is kept like any other") {
  get(journal().accept_local(delivery_of("", "local-1", 0, "hi")));
  get(journal().accept_local(delivery_of("", "local-1", 0, "hi")));
  open();
  const auto messages = waiting();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].origin == MessageOrigin::local);
  CHECK(messages[0].agent_name == "name of ");
  get(journal().finish(only("", "local-1", 0), "", Outcome::typed()));
  CHECK(waiting().empty());
}

TEST_CASE_FIXTURE(OpenJournal, "a message from this machine may begin in the step that keeps it") {
  CHECK_FALSE(get(journal().accept_local(delivery_of("a1", "waits", 0, "hi"))));
  CHECK(get(journal().accept_local(delivery_of("a1", "begins", 0, "hi"), "g1")));
  open();
  const auto messages = waiting();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].attempts == 0);
  CHECK(messages[1].attempts == 1);
  CHECK(messages[1].generation == "g1");
  CHECK(begin("begins", 0, "g2").may_repeat);
  // Of a session that is over it is kept and does not begin.
  AgentRecord agent;
  agent.name = "lead";
  agent.agent_id = "a1";
  agent.generation = "g1";
  get(journal().put_agent(agent));
  get(journal().remove_agent("lead"));
  CHECK_FALSE(get(journal().accept_local(delivery_of("a1", "late", 0, "hi"), "g1")));
  CHECK(waiting().size() == 3);
}

TEST_CASE_FIXTURE(OpenJournal,
                  "a message of the engine begins with its acceptance for a reader that waits") {
  const MessageKey read("a1", "d1", 1);
  const MessageKey waits("a2", "d2", 1);
  journal().begin_with([](const std::string& agent) { return agent == "a1" ? "g1" : ""; });
  auto change = change_of({});
  for (const MessageKey& key : {read, waits}) {
    change->actions.emplace_back(
        Surface{delivery_of(key.agent_id, key.delivery_id, key.seq), false});
  }
  get(journal().save(change));
  CHECK(journal().begun_by(read) == "g1");
  CHECK(journal().begun_by(waits).empty());
  // The same again, by who was not told that it was kept, when nobody waits any more.
  journal().begin_with([](const std::string&) { return ""; });
  get(journal().save(change));
  CHECK(journal().begun_by(read) == "g1");
  CHECK(journal().begun_by(waits).empty());
  // Until the next save only.
  get(journal().save(change_of({})));
  CHECK(journal().begun_by(read).empty());
  open();
  const auto messages = waiting();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].generation == "g1");
  CHECK(messages[0].state == MessageState::writing);
  CHECK(messages[1].state == MessageState::accepted);
  get(journal().finish(only("a1", "d1", 1), "g1", Outcome::typed()));
}

TEST_CASE_FIXTURE(OpenJournal, "an agent that is removed or replaced begins nothing any more") {
  AgentRecord agent;
  agent.name = "lead";
  agent.agent_id = "a1";
  agent.generation = "g1";
  agent.spec = R"({"cli":"claude"})";
  agent.started = clock.wall();
  agent.restarts = 2;
  agent.failures = 1;
  get(journal().put_agent(agent));
  surface("a1", "d1", 1);
  CHECK(begin("d1", 1, "g1").standing == Attempt::Standing::begun);
  open();
  auto found = get(journal().agents());
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "lead");
  CHECK(found[0].agent_id == "a1");
  CHECK(found[0].generation == "g1");
  CHECK(found[0].spec == R"({"cli":"claude"})");
  CHECK(found[0].started == clock.wall());
  CHECK(found[0].restarts == 2);
  CHECK(found[0].failures == 1);

  agent.generation = "g2";
  get(journal().put_agent(agent));
  CHECK(did(journal().begin_attempt(only("a1", "d1", 1), "g1")).error().code == Code::conflict);
  CHECK(begin("d1", 1, "g2").number == 2);
  get(journal().remove_agent("lead"));
  CHECK(get(journal().agents()).empty());
  CHECK(get(journal().retired_generations()) == std::vector<std::string>{"g1", "g2"});
  CHECK(did(journal().begin_attempt(only("a1", "d1", 1), "g2")).error().code == Code::conflict);
}

TEST_CASE_FIXTURE(OpenJournal, "results wait in their order until the engine has them") {
  get(journal().put_result({"i2", "{\"ok\":true}"}));
  get(journal().put_result({"i1", "{}"}));
  open();
  const auto results = get(journal().results());
  REQUIRE(results.size() == 2);
  CHECK(results[0].invocation_id == "i2");
  CHECK(results[0].body == "{\"ok\":true}");
  get(journal().remove_result("i2"));
  get(journal().remove_result("i2"));
  CHECK(get(journal().results()).size() == 1);
}

TEST_CASE_FIXTURE(OpenJournal, "an idempotency key is answered the same for seven days") {
  get(journal().remember_answer("k1", "{\"name\":\"w1\"}"));
  CHECK_FALSE(get(journal().answer("k2")));
  clock.advance(24h * 7);
  open();
  CHECK(get(journal().answer("k1")) == "{\"name\":\"w1\"}");
  clock.advance(1s);
  CHECK_FALSE(get(journal().answer("k1")));
  CHECK(get(journal().sweep()) == 1);
}

TEST_CASE_FIXTURE(OpenJournal, "a sweep removes no more than a batch at a time") {
  auto change = change_of({});
  std::vector<MessageKey> keys;
  for (std::uint64_t i = 1; i <= 700; ++i) {
    change->actions.emplace_back(Surface{delivery_of("a1", "d" + std::to_string(i), i), false});
    keys.emplace_back("a1", "d" + std::to_string(i), i);
  }
  get(journal().save(change));
  get(journal().finish(keys, "", Outcome::typed()));
  clock.advance(24h * 8);
  CHECK(get(journal().sweep()) == 500);
  CHECK(get(journal().sweep()) == 200);
  CHECK(get(journal().sweep()) == 0);
}

TEST_CASE_FIXTURE(OpenJournal, "nobody else can read or write it, whatever the umask") {
  end();
  std::filesystem::remove_all(path().parent_path());
  const mode_t before = ::umask(0);
  open();
  surface("a1", "d1", 1);
  CHECK(mode_of(path().parent_path()) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(path().parent_path())) {
    CAPTURE(entry.path());
    CHECK(mode_of(entry.path()) == 0600);
  }
  ::umask(before);
}

TEST_CASE_FIXTURE(OpenJournal, "one that others could have written is refused") {
  end();
  REQUIRE(::chmod(path().c_str(), 0620) == 0);
  CHECK(try_open().error().code == Code::unsafe_file);
  REQUIRE(::chmod(path().c_str(), 0600) == 0);
  std::filesystem::rename(path(), temp() / "elsewhere");
  std::filesystem::create_symlink(temp() / "elsewhere", path());
  CHECK(try_open().error().code == Code::unsafe_file);
}

}  // namespace relay::broker
