// The database file: who has it, what is in it after an end of any kind, and how it is copied.
#include "engine/store/sqlite/sqlite_database.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/faulty_disk.hpp"
#include "support/temp_dir.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

struct DatabaseWorld {
  test::FaultyDisk disk;
  test::TempDir dir;
  os::SystemRandom random;
  os::PosixFiles files{random};
  FakeClock clock;
  std::unique_ptr<SqliteDatabase> database;

  os::Path path() { return dir / "state" / "engine.db"; }
  Result<void> open() { return open(path()); }
  Result<void> open(const os::Path& at) {
    database.reset();
    auto opened = SqliteDatabase::open(at, files, clock, DeliveryStore::Limits());
    if (!opened) return fail(std::move(opened).error());
    database = *std::move(opened);
    return {};
  }
  Result<void> add(const std::string& name) {
    auto& target = database->writer();
    if (auto begun = target.begin(); !begun) return begun;
    if (auto begun = target.begin_job(); !begun) return begun;
    auto made = database->store().create_workspace(name, "key of " + name);
    auto ended = made ? target.end_job() : target.undo_job();
    if (!made || !ended) {
      target.roll_back();
      return fail(made ? ended.error() : made.error());
    }
    return target.commit();
  }
  bool has(const std::string& name) {
    return database->reading_store().find_workspace(name).has_value();
  }
};

void write_at(const os::Path& file, off_t at, const std::string& bytes) {
  const os::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()));
}

}  // namespace

TEST_CASE("what was committed is there after a restart, in a file of our own") {
  DatabaseWorld world;
  REQUIRE(world.open());
  REQUIRE(world.add("team"));
  CHECK(world.has("team"));
  CHECK(world.database->commits() == 1);
  REQUIRE(world.open());
  CHECK(world.has("team"));
  struct stat info{};
  REQUIRE(::stat(world.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
}

TEST_CASE("one process at a time has it") {
  DatabaseWorld world;
  REQUIRE(world.open());
  const auto second =
      SqliteDatabase::open(world.path(), world.files, world.clock, DeliveryStore::Limits());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::already_running);
}

TEST_CASE("a database that others can read is refused") {
  DatabaseWorld world;
  REQUIRE(world.open());
  world.database.reset();
  REQUIRE(::chmod(world.path().c_str(), 0644) == 0);
  const auto opened = world.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::unsafe_file);
}

TEST_CASE("a newer database is left alone") {
  DatabaseWorld world;
  REQUIRE(world.open());
  world.database.reset();
  {
    auto db = storage::Connection::open(world.path(), storage::Connection::How::writable, "it");
    REQUIRE((*db)->exec("UPDATE engine SET version=99"));
  }
  const auto opened = world.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::conflict);
  CHECK(opened.error().message.find("99") != std::string::npos);
}

TEST_CASE("a damaged database says so and what to do, and is not touched") {
  DatabaseWorld world;
  REQUIRE(world.open());
  for (int i = 0; i < 200; ++i) REQUIRE(world.add("team " + std::to_string(i)));
  world.database.reset();
  for (int page = 4; page < 12; ++page) {
    write_at(world.path(), page * 4096, std::string(64, '\xff'));
  }
  const auto opened = world.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::io_error);
  CHECK(opened.error().hint.find("backup") != std::string::npos);
}

TEST_CASE("a copy is whole, private, and made while the database is written") {
  DatabaseWorld world;
  REQUIRE(world.open());
  REQUIRE(world.add("before"));
  const auto copy = world.dir / "state" / "copy.db";
  REQUIRE(world.database->writer().begin());
  REQUIRE(world.database->writer().begin_job());
  REQUIRE(world.database->store().create_workspace("in hand", "key"));
  const auto copied = world.database->back_up(copy);
  REQUIRE_MESSAGE(copied, copied.error().message);
  REQUIRE(world.database->writer().end_job());
  REQUIRE(world.database->writer().commit());
  struct stat info{};
  REQUIRE(::stat(copy.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
  const auto twice = world.database->back_up(copy);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == Code::conflict);
  REQUIRE(world.open(copy));
  CHECK(world.has("before"));
  CHECK_FALSE(world.has("in hand"));
}

TEST_CASE("a job that fails leaves the others of its group") {
  DatabaseWorld world;
  REQUIRE(world.open());
  auto& target = world.database->writer();
  REQUIRE(target.begin());
  for (const bool good : {true, false, true}) {
    REQUIRE(target.begin_job());
    const auto name = good ? "good" : "bad";
    // The third one has the key of the first: what it gets wrong is its own.
    const auto made = world.database->store().create_workspace(name, good ? "same key" : "other");
    REQUIRE((made && good ? target.end_job() : target.undo_job()));
  }
  REQUIRE(target.commit());
  CHECK(world.has("good"));
  CHECK_FALSE(world.has("bad"));
}

TEST_CASE("a disk that fails takes nothing until the file was opened again and found sound") {
  DatabaseWorld world;
  REQUIRE(world.open());
  REQUIRE(world.add("before"));
  world.disk.set(test::DiskFault::sync_fails);
  const auto failed = world.add("lost");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::io_error);
  REQUIRE(world.database->health());
  CHECK_FALSE(world.add("still failing"));
  world.disk.set(test::DiskFault::none);
  CHECK_FALSE(world.add("too soon"));
  world.clock.advance(2s);
  REQUIRE(world.add("after"));
  CHECK_FALSE(world.database->health());
  CHECK(world.has("before"));
  CHECK(world.has("after"));
}

TEST_CASE("who reads opens the file again after the disk has failed") {
  DatabaseWorld world;
  REQUIRE(world.open());
  REQUIRE(world.add("before"));
  const auto read = [&world]() -> Result<bool> {
    auto& target = world.database->reader();
    if (auto begun = target.begin(); !begun) return fail(begun.error());
    if (auto begun = target.begin_job(); !begun) return fail(begun.error());
    const bool found = world.has("before");
    if (auto ended = target.end_job(); !ended) return fail(ended.error());
    return found;
  };
  world.disk.set(test::DiskFault::read_fails);
  const auto failed = read();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::io_error);
  world.database->reader().roll_back();
  CHECK_FALSE(read());
  world.disk.set(test::DiskFault::none);
  CHECK_FALSE(read());
  world.clock.advance(2s);
  const auto after = read();
  REQUIRE_MESSAGE(after, after.error().message);
  CHECK(*after);
}

TEST_CASE("a full disk is told as one, and is no end") {
  DatabaseWorld world;
  REQUIRE(world.open());
  world.disk.set(test::DiskFault::full);
  const auto failed = world.add("lost");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::disk_full);
  world.disk.set(test::DiskFault::none);
  world.clock.advance(2s);
  CHECK(world.add("after"));
}

TEST_CASE("the log is copied beside the writing, and begins anew before it is long") {
  DatabaseWorld world;
  world.disk.set(test::DiskFault::does_not_sync);
  REQUIRE(world.open());
  for (int i = 0; i < 60; ++i) {
    REQUIRE(world.add(std::to_string(i) + std::string(std::size_t{1} << 20U, 'x')));
  }
  CHECK_FALSE(world.database->health());
  struct stat log{};
  auto path = world.path();
  path += "-wal";
  REQUIRE(::stat(path.c_str(), &log) == 0);
  CHECK(log.st_size < (off_t{45} << 20U));
  CHECK(world.has("59" + std::string(std::size_t{1} << 20U, 'x')));
}

TEST_CASE("ids go on behind those of the file, also when the clock has gone back") {
  DatabaseWorld world;
  REQUIRE(world.open());
  REQUIRE(world.add("one"));
  world.clock.jump_wall(-24h);
  REQUIRE(world.open());
  REQUIRE(world.add("two"));
  const auto one = world.database->reading_store().find_workspace("one");
  const auto two = world.database->reading_store().find_workspace("two");
  CHECK(two->id > one->id);
}

}  // namespace relay::engine
