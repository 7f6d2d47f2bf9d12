// What the disk does not take is not said to be taken, and nothing that was is lost.
#include <asio/co_spawn.hpp>
#include <random>
#include <set>

#include "broker/journal_world.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "os/environment.hpp"
#include "support/faulty_disk.hpp"
#include "support/run_binary.hpp"

namespace relay::broker {
namespace {

using namespace std::chrono_literals;
using test::DiskFault;

struct OnFaultyDisk {
  test::FaultyDisk disk;
  JournalWorld world;

  OnFaultyDisk() { world.open(); }

  Result<void> save(std::uint64_t number) {
    auto change = change_of({});
    // Larger than a page, so that it is more than one write.
    change->actions.emplace_back(Surface{
        delivery_of("a1", "d" + std::to_string(number), number, std::string(6000, 'x')), false});
    return world.did(world.journal().save(change));
  }
  std::set<std::uint64_t> present() {
    std::set<std::uint64_t> numbers;
    for (const auto& message : world.get(world.journal().open_messages()).open) {
      numbers.insert(message.key.seq);
    }
    return numbers;
  }
};

}  // namespace

TEST_CASE_FIXTURE(OnFaultyDisk, "a full disk: nothing is taken until it is opened again") {
  REQUIRE(save(1));
  disk.set(DiskFault::full);
  CHECK(save(2).error().code == Code::disk_full);
  REQUIRE(world.journal().health());
  CHECK(world.journal().health()->code == Code::disk_full);
  disk.set(DiskFault::none);
  // Not just tried again with what SQLite has in memory.
  CHECK(save(3).error().code == Code::disk_full);
  disk.set(DiskFault::full);
  CHECK(world.did(world.journal().reopen()).error().code == Code::disk_full);
  disk.set(DiskFault::none);
  world.get(world.journal().reopen());
  CHECK_FALSE(world.journal().health());
  REQUIRE(save(4));
  const auto numbers = present();
  CHECK(numbers.contains(1));
  CHECK_FALSE(numbers.contains(3));
  CHECK(numbers.contains(4));
  CHECK(world.journal().report().empty());
}

TEST_CASE_FIXTURE(OnFaultyDisk, "a failed sync: nobody is told that the message is safe") {
  REQUIRE(save(1));
  disk.set(DiskFault::sync_fails);
  CHECK(save(2).error().code == Code::io_error);
  disk.set(DiskFault::none);
  CHECK(save(3).error().code == Code::io_error);
  world.get(world.journal().reopen());
  // As the delivery book does after an error.
  REQUIRE(save(2));
  const auto numbers = present();
  CHECK(numbers.contains(1));
  CHECK(numbers.contains(2));
}

TEST_CASE_FIXTURE(OnFaultyDisk, "a failed sync of the database is one too, and loses nothing") {
  for (std::uint64_t i = 1; i <= 20; ++i) REQUIRE(save(i));
  disk.set(DiskFault::database_sync_fails);
  CHECK(world.did(world.journal().sweep()).error().code == Code::io_error);
  CHECK(world.journal().health());
  disk.set(DiskFault::none);
  world.get(world.journal().reopen());
  CHECK(present().size() == 20);
}

TEST_CASE_FIXTURE(OnFaultyDisk, "faults at any moment: what was taken is there, and it recovers") {
  std::mt19937 random(7);
  std::set<std::uint64_t> taken;
  std::uint64_t next = 0;
  for (int round = 0; round < 40; ++round) {
    const auto kind = static_cast<DiskFault>(1 + random() % 4);
    disk.set(kind, static_cast<int>(random() % 12));
    for (int i = 0; i < 4; ++i) {
      if (save(++next)) taken.insert(next);
    }
    (void)world.did(world.journal().sweep());
    disk.set(DiskFault::none);
    if (random() % 2 == 0) {
      world.open();
    } else {
      world.get(world.journal().reopen());
    }
    const auto numbers = present();
    for (const auto number : taken) {
      CAPTURE(round);
      CAPTURE(number);
      REQUIRE(numbers.contains(number));
    }
  }
  CHECK(taken.size() > 40);
  CHECK(world.journal().report().empty());
}

TEST_CASE_FIXTURE(OnFaultyDisk, "a journal that is kept open recovers when space returns") {
  net::TaskGroup group(world.io.get_executor());
  group.spawn(world.journal().keep_open());
  disk.set(DiskFault::full);
  CHECK(save(1).error().code == Code::disk_full);
  disk.set(DiskFault::none);
  const auto healthy = [](Journal* journal) -> asio::awaitable<void> {
    while (journal->health()) co_await net::pause(5ms);
  };
  test::run(world.io, healthy(&world.journal()));
  CHECK(save(2));
  group.cancel();
  test::run(world.io, group.join());
}

TEST_CASE_FIXTURE(JournalWorld, "many saves that wait together are few transactions") {
  open();
  constexpr std::uint64_t kSaves = 500;
  const auto before = journal().counters();
  net::TaskGroup group(io.get_executor());
  std::size_t good = 0;
  const auto save = [](Journal* journal, std::uint64_t number,
                       std::size_t* into) -> asio::awaitable<void> {
    auto change = change_of({});
    change->actions.emplace_back(
        Surface{delivery_of("a1", "d" + std::to_string(number), number), false});
    auto saving = journal->save(change);
    const auto saved = co_await std::move(saving);
    if (saved) ++*into;
  };
  for (std::uint64_t i = 1; i <= kSaves; ++i) group.spawn(save(&journal(), i, &good));
  test::run(io, group.join());
  const auto after = journal().counters();
  CHECK(good == kSaves);
  CHECK(after.jobs - before.jobs == kSaves);
  CHECK(after.transactions - before.transactions < kSaves / 5);
  open();
  CHECK(get(journal().open_messages()).open.size() == kSaves);
}

TEST_CASE_FIXTURE(JournalWorld, "a second process is kept out, and told who is in") {
  const auto environment = os::Environment::of_process();
  const std::string writer = environment.get("JOURNAL_WRITER").value();
  test::RunningProgram holder(os::Command({writer, path().string(), "hold"}, environment));
  holder.wait_for("open\n");
  const auto refused = try_open();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::already_running);
  CHECK(refused.error().message.find(std::to_string(holder.pid())) != std::string::npos);
  holder.signal(SIGKILL);
  holder.wait_end();
  open();
}

TEST_CASE("a second journal of the same process is kept out too") {
  JournalWorld world;
  world.open();
  auto again = Journal::open(world.io.get_executor(), world.path(), world.clock);
  CHECK(test::run(world.io, std::move(again)).error().code == Code::already_running);
}

}  // namespace relay::broker
