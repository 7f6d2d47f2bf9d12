// Many who write at once, on one real disk; and one who is killed. RELAY_BROKER_FLIPS in the
// environment makes the second long.
#include "engine/store/sqlite/store_thread.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <map>
#include <sstream>
#include <unistd.h>

#include "net/task_group.hpp"
#include "os/environment.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/long_form.hpp"
#include "support/loop.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::engine {
namespace {

using Write = std::function<Result<Posted>(Store&)>;

/// A database with agents that write to one channel.
struct Writers {
  explicit Writers(os::Path path) {
    auto opened = SqliteDatabase::open(std::move(path), files, clock, unlimited());
    if (!opened) throw std::runtime_error(opened.error().message);
    database = *std::move(opened);
    thread.emplace(io.get_executor(), *database);
  }
  ~Writers() { test::run(io, thread->close()); }

  static DeliveryStore::Limits unlimited() {
    DeliveryStore::Limits limits;
    limits.depth = 1'000'000;
    return limits;
  }

  template <class T>
  T get(std::function<Result<T>(Store&)> work) {
    auto answer = test::run(io, thread->write<T>(std::move(work)));
    if (!answer) throw std::runtime_error(answer.error().message);
    return *std::move(answer);
  }

  void set_up(int agents) {
    channel = get<Channel>([agents, this](Store& store) -> Result<Channel> {
      auto workspace = store.create_workspace("team", "key");
      if (!workspace) return fail(workspace.error());
      auto general = store.find_channel(workspace->id, "general");
      for (int i = 0; i < agents; ++i) {
        NewAgent fresh;
        fresh.workspace = workspace->id;
        fresh.name = "agent-" + std::to_string(i);
        fresh.token_hash = fresh.name;
        auto made = store.register_agent(fresh);
        if (!made) return fail(made.error());
        members.push_back(*std::move(made));
      }
      return general;
    });
  }

  static Write post(Id channel, Id author, std::string text) {
    return [channel, author, text = std::move(text)](Store& store) {
      MessageDraft draft;
      draft.channel = channel;
      draft.author = author;
      draft.text = text;
      return store.append_message(draft);
    };
  }

  asio::awaitable<void> post_often(Id author, std::string run, int times, bool tell) {
    for (int i = 0; i < times; ++i) {
      const auto text = run + "-" + std::to_string(author) + "-" + std::to_string(i);
      auto writing = thread->write<Posted>(post(channel.id, author, text));
      const auto posted = co_await std::move(writing);
      if (!posted) throw std::runtime_error(posted.error().message);
      if (!tell) continue;
      const std::string line = "posted " + std::to_string(posted->message.id) + " " + text + "\n";
      if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(1);
    }
  }

  asio::io_context io;
  SystemClock clock;
  os::SystemRandom random;
  os::PosixFiles files{random};
  std::unique_ptr<SqliteDatabase> database;
  std::optional<StoreThread> thread;
  Channel channel;
  std::vector<Agent> members;
};

std::vector<Delivery> mail_of(const Store& store, Id agent) {
  return *store.backlog(agent, 0, 1'000'000);
}

}  // namespace

TEST_CASE("many who write at once lose nothing, each mailbox is dense, and share commits") {
  const test::TempDir dir;
  Writers world(dir / "state" / "engine.db");
  world.set_up(10);
  const auto before = world.database->commits();
  constexpr int kTimes = 20;
  net::TaskGroup group(world.io.get_executor());
  for (const auto& member : world.members) {
    for (int i = 0; i < 8; ++i) {
      group.spawn(world.post_often(member.id, "run", kTimes / 4, false));
    }
  }
  test::run(world.io, group.join());
  const auto& store = world.database->reading_store();
  for (const auto& member : world.members) {
    const auto mail = mail_of(store, member.id);
    REQUIRE(mail.size() == 9 * 8 * kTimes / 4);
    for (std::size_t i = 0; i < mail.size(); ++i) {
      CHECK(mail[i].seq == i + 1);
      if (i > 0) CHECK(mail[i].message > mail[i - 1].message);
    }
  }
  const auto commits = world.database->commits() - before;
  CAPTURE(commits);
  CHECK(commits <= 100);  // 400 messages of 80 who wait together
}

TEST_CASE("what was answered is what a reader sees, and a refusal is undone alone") {
  const test::TempDir dir;
  Writers world(dir / "state" / "engine.db");
  world.set_up(2);
  const auto posted =
      world.get<Posted>(Writers::post(world.channel.id, world.members[0].id, "hello"));
  std::function<Result<Message>(const Store&)> look = [&](const Store& store) {
    return store.message(posted.message.id);
  };
  const auto seen = test::run(world.io, world.thread->read<Message>(look));
  REQUIRE(seen);
  CHECK(seen->text == "hello");
  const auto refused = test::run(
      world.io, world.thread->write<Posted>(Writers::post(1, world.members[0].id, "nowhere")));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail == "channel_not_found");
  REQUIRE(test::run(world.io, world.thread->back_up(dir / "state" / "copy.db")));
  CHECK(world.thread->operations() == 3);
  CHECK(world.thread->transactions() == 3);
}

// Run by the test below in a process of its own, until it is killed.
TEST_CASE("a writer" * doctest::skip()) {
  const auto environment = os::Environment::of_process();
  Writers world(environment.get("ENGINE_DATABASE").value());
  const auto& reading = world.database->reading_store();
  if (auto team = reading.find_workspace("team")) {
    world.channel = *reading.find_channel(team->id, "general");
    world.members = *reading.agents(team->id, std::nullopt);
  } else {
    world.set_up(4);
  }
  const std::string open = "open\n";
  REQUIRE(::write(STDOUT_FILENO, open.data(), open.size()) > 0);
  net::TaskGroup group(world.io.get_executor());
  const auto run = environment.get("ENGINE_RUN").value();
  for (const auto& member : world.members) {
    group.spawn(world.post_often(member.id, run, 1'000'000, true));
  }
  test::run(world.io, group.join());
}

TEST_CASE("kill -9 of a writer: every answered message is there, and each mailbox is dense") {
  const int cycles = test::long_form("RELAY_BROKER_FLIPS", 6);
  const test::TempDir dir;
  const auto path = dir / "state" / "engine.db";
  SeededRandom random(7);
  for (int cycle = 0; cycle < cycles; ++cycle) {
    CAPTURE(cycle);
    auto environment = os::Environment::of_process();
    environment.set("ENGINE_DATABASE", path.string());
    environment.set("ENGINE_RUN", "r" + std::to_string(cycle));
    test::RunningProgram program(os::Command(
        {os::Path("/proc/self/exe").string(), "-tc=a writer", "--no-skip"}, environment));
    program.wait_for("open\n");
    const auto lines = 1 + random.below(60);
    for (std::uint64_t i = 0; i < lines; ++i) program.wait_for("\n");
    program.signal(SIGKILL);
    program.wait_end();
    Writers world(path);
    const auto& store = world.database->reading_store();
    std::istringstream out(program.out());
    int told = 0;
    for (std::string line; std::getline(out, line) && !out.eof();) {
      std::istringstream words(line);
      std::string word;
      std::string text;
      Id id = 0;
      if (!(words >> word >> id >> text) || word != "posted") continue;
      ++told;
      const auto message = store.message(id);
      REQUIRE(message);
      CHECK(message->text == text);
    }
    CHECK(told > 0);
    const auto team = store.find_workspace("team");
    const auto members = *store.agents(team->id, std::nullopt);
    for (const auto& member : members) {
      const auto mail = mail_of(store, member.id);
      const auto mailbox = *store.mailbox(member.id);
      CHECK(mail.size() == mailbox.last_seq);
      for (std::size_t i = 0; i < mail.size(); ++i) {
        if (mail[i].seq != i + 1) FAIL("a hole at " << i + 1);
        if (!store.message(mail[i].message)) FAIL("a delivery of no message at " << i + 1);
      }
    }
  }
}

}  // namespace relay::engine
