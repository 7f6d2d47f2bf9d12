#include "storage/log_file.hpp"

#include <cstddef>
#include <doctest/doctest.h>
#include <fstream>
#include <sqlite3.h>
#include <string>
#include <vector>

#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "storage/connection.hpp"
#include "support/faulty_disk.hpp"
#include "support/temp_dir.hpp"

namespace relay::storage {
namespace {

/// A database with a log that commits wait for, on a disk that is looked at.
struct LoggedDatabase {
  LoggedDatabase() : db(open(Connection::How::writable)) {
    db->exec("PRAGMA journal_mode=WAL");
    db->exec("PRAGMA synchronous=FULL");
    db->exec("CREATE TABLE a(x);CREATE TABLE b(x);CREATE TABLE c(x)");
    REQUIRE(db->checked());
  }
  std::unique_ptr<Connection> open(Connection::How how) {
    (void)files.create(path, "");
    auto opened = Connection::open(path, how, "the test's database");
    REQUIRE(opened);
    return *std::move(opened);
  }
  static std::int64_t count(Connection& at) {
    Query query(at, "SELECT (SELECT count(*) FROM a)+(SELECT count(*) FROM b)");
    return query.next() ? query.integer(0) : -1;
  }

  test::FaultyDisk disk;
  test::TempDir dir;
  os::SystemRandom random;
  os::PosixFiles files{random};
  os::Path path = dir / "tmp" / "log.db";
  std::unique_ptr<Connection> db;
};

constexpr const char* kOneEach =
    "BEGIN;INSERT INTO a VALUES(1);INSERT INTO b VALUES(1);"
    "INSERT INTO c VALUES(1);COMMIT";

}  // namespace

TEST_CASE("what a commit adds to the log is one write") {
  LoggedDatabase world;
  const int before = world.disk.writes();
  world.db->exec(kOneEach);
  CHECK(world.disk.writes() == before + 1);
  REQUIRE(world.db->checked());
  const auto reader = world.open(Connection::How::reader);
  CHECK(LoggedDatabase::count(*reader) == 2);
}

TEST_CASE("a commit that is longer than one write is whole") {
  LoggedDatabase world;
  const auto reader = world.open(Connection::How::reader);
  world.db->exec("PRAGMA cache_size=10");
  world.db->exec("BEGIN");
  // More pages than the connection keeps in memory: some go to the log early and are read again.
  const std::string text(3000, 'x');
  for (int i = 0; i < 200; ++i) Query(*world.db, "INSERT INTO a VALUES(?1)").bind(text).run();
  // From the youngest on: of those that just left the memory none is in the file yet.
  Query back(*world.db, "SELECT sum(length(x)) FROM (SELECT x FROM a ORDER BY rowid DESC)");
  REQUIRE(back.next());
  CHECK(back.integer(0) == 200 * 3000);
  back.run();
  Query(*world.db, "UPDATE a SET x=x||'y' WHERE rowid%7=0").run();
  CHECK(LoggedDatabase::count(*world.db) == 200);
  CHECK(LoggedDatabase::count(*reader) == 0);
  world.db->exec("COMMIT");
  REQUIRE(world.db->checked());
  CHECK(LoggedDatabase::count(*reader) == 200);
  Query sound(*reader, "PRAGMA integrity_check");
  REQUIRE(sound.next());
  CHECK(sound.text(0) == "ok");
}

TEST_CASE("a write that has failed while the log was read is not taken for done at the sync") {
  test::FaultyDisk disk;
  test::TempDir dir;
  const std::string database = (dir / "tmp" / "log.db").string();
  std::ofstream(database) << "";
  sqlite3_vfs* vfs = sqlite3_vfs_find(joined_log_writes());
  REQUIRE(vfs != nullptr);
  // SQLite is not asked: it would not sync what it could not read.
  std::vector<std::byte> memory(static_cast<std::size_t>(vfs->szOsFile));
  auto* const log = reinterpret_cast<sqlite3_file*>(memory.data());
  const std::string name = database + "-wal";
  constexpr int kHow = SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  REQUIRE(vfs->xOpen(vfs, name.c_str(), log, kHow, nullptr) == SQLITE_OK);
  const std::string text(3000, 'x');
  std::string back(text.size(), ' ');
  const int size = static_cast<int>(text.size());
  REQUIRE(log->pMethods->xWrite(log, text.data(), size, 0) == SQLITE_OK);
  disk.set(test::DiskFault::write_fails);
  CHECK(log->pMethods->xRead(log, back.data(), size, 0) != SQLITE_OK);
  disk.set(test::DiskFault::none);
  CHECK(log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK);
  CHECK(log->pMethods->xWrite(log, text.data(), size, size) != SQLITE_OK);
  // It begins anew.
  CHECK(log->pMethods->xTruncate(log, 0) == SQLITE_OK);
  CHECK(log->pMethods->xWrite(log, text.data(), size, 0) == SQLITE_OK);
  CHECK(log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK);
  CHECK(log->pMethods->xRead(log, back.data(), size, 0) == SQLITE_OK);
  CHECK(back == text);
  CHECK(log->pMethods->xClose(log) == SQLITE_OK);
}

TEST_CASE("a commit whose one write fails is none") {
  LoggedDatabase world;
  world.disk.set(test::DiskFault::write_fails);
  world.db->exec(kOneEach);
  CHECK_FALSE(world.db->checked());
  world.disk.set(test::DiskFault::none);
  const auto reader = world.open(Connection::How::reader);
  CHECK(LoggedDatabase::count(*reader) == 0);
  // What was written of it is no part of what comes next.
  world.db = nullptr;
  const auto again = world.open(Connection::How::writable);
  again->exec("PRAGMA synchronous=FULL");
  again->exec(kOneEach);
  REQUIRE(again->checked());
  CHECK(LoggedDatabase::count(*reader) == 2);
}

}  // namespace relay::storage
