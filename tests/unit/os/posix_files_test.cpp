#include "os/posix_files.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <sched.h>
#include <set>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.hpp"
#include "os/system_random.hpp"
#include "support/bytes_of.hpp"
#include "support/skipped.hpp"
#include "support/temp_dir.hpp"

namespace relay::os {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kManyFiles = 1 << 20;

void write_file(const Path& path, const std::string& content, mode_t mode) {
  std::ofstream(path) << content;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

unsigned mode_of(const Path& path) {
  struct stat info{};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

std::size_t entries_in(const Path& directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// Runs the work in a process of its own, for what would change this one; its exit status.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(work());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

struct DiskFixture {
  test::TempDir temp;
  SystemRandom random;
  PosixFiles files{random};
  Path dir = temp / "state";
  Path file = dir / "token";

  void refused(std::string_view why, std::string_view mend) {
    const auto read = files.read_private(file, kManyFiles);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Code::unsafe_file);
    CHECK(read.error().message == "'" + file.string() + "' is not used: " + std::string(why));
    CHECK(read.error().hint == mend);
  }
};

}  // namespace

TEST_CASE_FIXTURE(DiskFixture, "a file that was written is read back, 0600 under every umask") {
  for (const mode_t mask : {mode_t{0000}, mode_t{0022}, mode_t{0077}, mode_t{0777}}) {
    const mode_t before = ::umask(mask);
    const auto replaced = files.replace(file, "one");
    const auto created = files.create(dir / "new", "two");
    const auto appended = files.append(dir / "log", "three", true);
    const auto made = files.make_private_directory(dir / "a/b");
    ::umask(before);
    REQUIRE(replaced);
    REQUIRE(created);
    REQUIRE(made);
    CHECK(mode_of(file) == 0600);
    CHECK(mode_of(dir / "new") == 0600);
    CHECK(mode_of(dir / "a") == 0700);
    CHECK(mode_of(dir / "a/b") == 0700);
    CHECK(files.read_private(file, kManyFiles).value() == "one");
    // A file that append makes under umask 0777 has no permissions at all, which is safe.
    if (mask != 0777) CHECK(appended.has_value());
    std::filesystem::remove_all(dir);
    std::filesystem::create_directory(dir);
  }
}

TEST_CASE_FIXTURE(DiskFixture, "replacing leaves the new content and nothing else") {
  REQUIRE(files.replace(file, "old"));
  REQUIRE(files.replace(file, std::string(100'000, 'n')));
  CHECK(test::bytes_of(file) == std::string(100'000, 'n'));
  CHECK(entries_in(dir) == 1);
}

TEST_CASE_FIXTURE(DiskFixture, "replacing a symbolic link replaces the link and not its target") {
  write_file(dir / "victim", "untouched", 0600);
  REQUIRE(::symlink((dir / "victim").c_str(), file.c_str()) == 0);
  REQUIRE(files.replace(file, "new"));
  CHECK(test::bytes_of(dir / "victim") == "untouched");
  CHECK(files.stat(file)->kind == FileKind::regular);
}

TEST_CASE_FIXTURE(DiskFixture, "creating never overwrites") {
  REQUIRE(files.create(file, "first"));
  const auto second = files.create(file, "second");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::conflict);
  CHECK(test::bytes_of(file) == "first");
  CHECK(files.stat(file)->names == 1);
  REQUIRE(::symlink("nowhere", (dir / "dangling").c_str()) == 0);
  CHECK(files.create(dir / "dangling", "x").error().code == Code::conflict);
  CHECK(entries_in(dir) == 2);
}

TEST_CASE_FIXTURE(DiskFixture, "of several who create at once exactly one succeeds") {
  for (int round = 0; round < 20; ++round) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_t children[4];
    for (pid_t& child : children) {
      child = ::fork();
      if (child == 0) {
        ::close(ready[1]);
        char byte = 0;
        (void)!::read(ready[0], &byte, 1);
        ::_exit(files.create(file, std::to_string(::getpid())) ? 0 : 1);
      }
    }
    ::close(ready[0]);
    ::close(ready[1]);
    int winners = 0;
    for (const pid_t child : children) {
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      if (status == 0) {
        ++winners;
        CHECK(test::bytes_of(file) == std::to_string(child));
      }
    }
    CHECK(winners == 1);
    CHECK(files.remove(file).value());
  }
}

TEST_CASE_FIXTURE(DiskFixture, "S5: a symbolic link in place of a private file is refused") {
  write_file(dir / "target", "secret", 0600);
  REQUIRE(::symlink("target", file.c_str()) == 0);
  refused("it is a symbolic link", "put the file itself there");
  CHECK(files.append(file, "x", false).error().code == Code::unsafe_file);
  CHECK(files.lock(file, "me").error().code == Code::unsafe_file);
}

TEST_CASE_FIXTURE(DiskFixture, "S5: a hard link is refused") {
  write_file(dir / "other", "secret", 0600);
  REQUIRE(::link((dir / "other").c_str(), file.c_str()) == 0);
  refused("it has 2 names (hard links)", "remove the other names, or put a copy there");
}

TEST_CASE_FIXTURE(DiskFixture, "S5: a FIFO is refused and does not hang") {
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  refused("it is no regular file", "move it away, then try again");
  CHECK(files.append(file, "x", false).error().code == Code::unsafe_file);
  CHECK(files.read(file, kManyFiles).error().code == Code::invalid_argument);
}

TEST_CASE_FIXTURE(DiskFixture, "S5: a directory is refused") {
  REQUIRE(::mkdir(file.c_str(), 0700) == 0);
  refused("it is no regular file", "move it away, then try again");
  CHECK(files.lock(file, "me").error().code == Code::unsafe_file);
  CHECK(files.read(file, kManyFiles).error().code == Code::invalid_argument);
}

TEST_CASE_FIXTURE(DiskFixture, "S5: a file that others may use is refused, with the mend") {
  for (const mode_t mode : {mode_t{0644}, mode_t{0640}, mode_t{0620}, mode_t{0604}, mode_t{0601}}) {
    write_file(file, "secret", mode);
    const auto read = files.read_private(file, kManyFiles);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Code::unsafe_file);
    CHECK(read.error().hint == "chmod 600 '" + file.string() + "'");
  }
  write_file(file, "secret", 0644);
  refused("other users may use it (mode 0644)", "chmod 600 '" + file.string() + "'");
  write_file(file, "secret", 0400);
  CHECK(files.read_private(file, kManyFiles).value() == "secret");
}

TEST_CASE_FIXTURE(DiskFixture, "S5: a file of another user is refused, root's too") {
  if (::geteuid() != 0) return test::skip_row("S5", "only root can give a file away");
  write_file(file, "secret", 0600);
  REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
  refused("it belongs to user 12345, not to us", "with sudo: sudo -H, else be that user");
  REQUIRE(::chown(dir.c_str(), 12345, 12345) == 0);
  CHECK(files.make_private_directory(dir).error().code == Code::unsafe_file);
}

TEST_CASE_FIXTURE(DiskFixture, "a missing file is told from one that cannot be read") {
  CHECK(files.read_private(file, kManyFiles).error().code == Code::not_found);
  CHECK(files.read(file, kManyFiles).error().code == Code::not_found);
  CHECK(files.stat(file).error().code == Code::not_found);
  CHECK(files.list(file).error().code == Code::not_found);
  CHECK(files.replace(dir / "no/file", "x").error().code == Code::not_found);
  CHECK_FALSE(files.remove(file).value());
  // The start of our own memory is never mapped: the kernel answers EIO.
  const auto broken = files.read_private("/proc/self/mem", kManyFiles);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == Code::io_error);
  CHECK(broken.error().message == "cannot read '/proc/self/mem': Input/output error");
}

TEST_CASE_FIXTURE(DiskFixture, "a file that may not be opened says so") {
  write_file(file, "secret", 0000);
  const int status = in_child([&] {
    if (::geteuid() == 0 && (::chmod(temp.path().c_str(), 0755) != 0 ||
                             ::chmod(dir.c_str(), 0755) != 0 || ::seteuid(12345) != 0)) {
      return 2;
    }
    const auto read = files.read_private(file, kManyFiles);
    return !read && read.error().code == Code::io_error &&
                   read.error().message == "cannot open '" + file.string() + "': Permission denied"
               ? 0
               : 1;
  });
  CHECK(status == 0);
}

TEST_CASE_FIXTURE(DiskFixture, "more than the bound is an error and not a cut") {
  write_file(file, "12345", 0600);
  CHECK(files.read_private(file, 5).value() == "12345");
  const auto read = files.read_private(file, 4);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::too_large);
  CHECK(files.read(file, 0).error().code == Code::too_large);
}

TEST_CASE_FIXTURE(DiskFixture,
                  "a file that needs no protection may be a link and readable by all") {
  write_file(dir / "config", "a = 1", 0644);
  REQUIRE(::symlink("config", file.c_str()) == 0);
  CHECK(files.read(file, kManyFiles).value() == "a = 1");
}

TEST_CASE_FIXTURE(DiskFixture, "appending adds whole records to a private file") {
  REQUIRE(files.append(file, "one\n", false));
  REQUIRE(files.append(file, "two\n", true));
  CHECK(test::bytes_of(file) == "one\ntwo\n");
  CHECK(mode_of(file) == 0600);
}

TEST_CASE_FIXTURE(DiskFixture, "a private directory is made, tightened or refused") {
  bool lasting = true;
  SUBCASE("on disk") {}
  SUBCASE("for this start of the machine") {
    lasting = false;
  }
  const auto make = [&](const Path& path) {
    return lasting ? files.make_private_directory(path) : files.make_runtime_directory(path);
  };
  const Path made = dir / "x/y/z/";
  REQUIRE(make(made));
  CHECK(mode_of(dir / "x/y/z") == 0700);
  REQUIRE(make(made));

  REQUIRE(::chmod((dir / "x").c_str(), 0755) == 0);
  REQUIRE(make(dir / "x"));
  CHECK(mode_of(dir / "x") == 0700);

  REQUIRE(::chmod((dir / "x").c_str(), 0770) == 0);
  const auto refused = make(dir / "x");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unsafe_file);
  CHECK(mode_of(dir / "x") == 0770);

  REQUIRE(::symlink("x", (dir / "link").c_str()) == 0);
  CHECK(make(dir / "link").error().code == Code::unsafe_file);
  write_file(dir / "file", "", 0600);
  CHECK(make(dir / "file").error().code == Code::unsafe_file);
  CHECK(make(dir / "file/below").error().code == Code::not_found);
}

TEST_CASE_FIXTURE(DiskFixture, "directories that nobody waited for are waited for later") {
  REQUIRE(files.make_runtime_directory(dir / "x/y/z"));
  CHECK(PosixFiles::await_directories(dir / "x/y/z/"));
  CHECK(PosixFiles::await_directories("/"));
  // What is above this one is on no disk at all.
  CHECK(PosixFiles::await_directories("/proc/self"));
  CHECK(PosixFiles::await_directories(dir / "gone/below").error().code == Code::not_found);
}

TEST_CASE_FIXTURE(DiskFixture, "a lock keeps others out for as long as it is held, and says who") {
  auto held = files.lock(file, "pid 77, started 12:00");
  REQUIRE(held);
  const auto second = files.lock(file, "pid 78");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::already_running);
  CHECK(second.error().message == "'" + file.string() + "' is locked by pid 77, started 12:00");
  CHECK(in_child([&] { return files.lock(file, "child") ? 1 : 0; }) == 0);
  held->reset();
  CHECK(files.lock(file, "pid 78").has_value());
  CHECK(test::bytes_of(file) == "pid 78");
}

TEST_CASE_FIXTURE(DiskFixture, "a lock ends with the process that holds it, however it ends") {
  int held[2];
  REQUIRE(::pipe(held) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = files.lock(file, "child");
    (void)!::write(held[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(held[0], &byte, 1) == 1);
  CHECK(files.lock(file, "us").error().message == "'" + file.string() + "' is locked by child");
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(files.lock(file, "us").has_value());
  ::close(held[0]);
  ::close(held[1]);
}

TEST_CASE_FIXTURE(DiskFixture, "listing is sorted and looking does not follow links") {
  write_file(dir / "b", "12", 0640);
  REQUIRE(::symlink("b", (dir / "a").c_str()) == 0);
  CHECK(files.list(dir).value() == std::vector<std::string>{"a", "b"});
  CHECK(files.stat(dir / "a")->kind == FileKind::link);
  const auto info = files.stat(dir / "b").value();
  CHECK(info.kind == FileKind::regular);
  CHECK(info.size == 2);
  CHECK(info.mode == 0640);
  CHECK(info.owner == ::geteuid());
}

TEST_CASE_FIXTURE(DiskFixture, "a full disk is told, and leaves the old file and no leftovers") {
  const int status = in_child([&]() -> int {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=64k,mode=0700") != 0) {
      return 77;
    }
    if (!files.replace(file, "old") || !files.append(dir / "log", "record\n", false)) return 1;
    const std::string big(200'000, 'x');
    const auto full = files.replace(file, big);
    if (full || full.error().code != Code::disk_full || full.error().hint.empty()) return 2;
    const auto appended = files.append(dir / "log", big, false);
    if (appended || appended.error().code != Code::disk_full) return 3;
    if (test::bytes_of(file) != "old" || test::bytes_of(dir / "log") != "record\n") return 4;
    return entries_in(dir) == 2 ? 0 : 5;
  });
  if (status == 77) return test::skip("a small file system may not be mounted here");
  CHECK(status == 0);
}

TEST_CASE_FIXTURE(DiskFixture, "a write that breaks off keeps its cause and the old file") {
  REQUIRE(files.replace(file, "old"));
  const int status = in_child([&] {
    const rlimit limit{1000, 1000};
    ::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    const auto replaced = files.replace(file, std::string(5000, 'x'));
    return !replaced && replaced.error().code == Code::io_error &&
                   replaced.error().message ==
                       "cannot write '" + file.string() + "': File too large"
               ? 0
               : 1;
  });
  CHECK(status == 0);
  CHECK(test::bytes_of(file) == "old");
  CHECK(entries_in(dir) == 1);
}

TEST_CASE_FIXTURE(DiskFixture, "a writer killed at any moment leaves an old or a new file, whole") {
  const std::string contents[] = {std::string(30'000, 'a'), std::string(50'000, 'b')};
  REQUIRE(files.replace(file, contents[0]));
  for (int round = 0; round < 100; ++round) {
    int started[2];
    REQUIRE(::pipe(started) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::size_t i = 0;; ++i) {
        if (!files.replace(file, contents[i % 2])) ::_exit(1);
        (void)!::write(started[1], "x", 1);
      }
    }
    char byte = 0;
    REQUIRE(::read(started[0], &byte, 1) == 1);
    // Not a wait for anything: the moment is to differ, down to the step.
    const Monotonic moment = SystemClock().now() + Duration(random.below(400'000));
    while (SystemClock().now() < moment) {
    }
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    ::close(started[0]);
    ::close(started[1]);
    const std::string found = files.read_private(file, kManyFiles).value();
    CHECK((found == contents[0] || found == contents[1]));
  }
  const std::size_t left = entries_in(dir) - 1;
  CHECK(files.sweep(dir, SystemClock().wall(), 1h).value() == 0);
  CHECK(files.sweep(dir, SystemClock().wall() + 2h, 1h).value() == left);
  CHECK(files.list(dir).value() == std::vector<std::string>{"token"});
}

}  // namespace relay::os
