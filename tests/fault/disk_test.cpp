// F3, F4, F16: a disk that fails, a journal that is damaged, descriptors that run out.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <random>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fault/disk_orders.hpp"
#include "fault/fault_world.hpp"
#include "support/bytes_of.hpp"
#include "support/sanitized.hpp"
#include "support/seed.hpp"

namespace relay::test {
namespace {

using Path = std::filesystem::path;

struct DiskWorld : FaultWorld {
  DiskWorld() {
    const Path file = temp / "disk";
    const os::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::ftruncate(fd.get(), sizeof(DiskOrders)) == 0);
    void* at = ::mmap(nullptr, sizeof(DiskOrders), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    REQUIRE(at != MAP_FAILED);
    disk = static_cast<DiskOrders*>(at);
    environment.set(kDiskVariable, file.string());
    if (kSanitized) return;
    const auto library = os::Environment::of_process().get("FAULT_DISK_LIBRARY");
    environment.set("LD_PRELOAD", library.value());
  }
  ~DiskWorld() { ::munmap(disk, sizeof(DiskOrders)); }
  DiskWorld(const DiskWorld&) = delete;
  DiskWorld& operator=(const DiskWorld&) = delete;

  void give_orders(DiskTrouble trouble) {
    disk->failed = 0;
    disk->trouble = trouble;
  }
  void wait_acked(std::uint64_t number) {
    until([&] { return acked("ada") >= number; }, fmt::format("{} are acknowledged", number));
  }

  DiskOrders* disk = nullptr;
};

std::vector<Path> journal_files(const Path& state) {
  std::vector<Path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    const std::string name = entry.path().filename().string();
    if (name == "journal.db" || name == "journal.db-wal") out.push_back(entry.path());
  }
  return out;
}

void put_bytes(const Path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE_FIXTURE(DiskWorld, "F3: a disk that takes nothing stops the acks, not the broker") {
  if (kSanitized) {
    figure("F3", "skipped: a sanitizer does not allow LD_PRELOAD");
    return;
  }
  serve();
  spawn("ada", "paste");
  std::uint64_t sent = 0;
  const auto send = [&] { dm("ada", fmt::format("#{}#", ++sent)); };
  const pid_t pid = broker->pid();
  Duration slowest{};
  int failures = 0;
  for (const DiskTrouble trouble :
       {DiskTrouble::sync_fails, DiskTrouble::full, DiskTrouble::short_write}) {
    CAPTURE(static_cast<int>(trouble));
    send();
    wait_acked(sent);
    const std::uint64_t before = sent;
    give_orders(trouble);
    for (int i = 0; i < 3; ++i) send();
    until([&] { return disk->failed > 2; }, "the disk has failed, and again");
    settle();
    CHECK(acked("ada") == before);
    CHECK(inputs("ada").size() == before);
    failures += static_cast<int>(disk->failed);
    const auto healed = SystemClock().now();
    give_orders(DiskTrouble::none);
    wait_acked(sent);
    slowest = std::max<Duration>(slowest, SystemClock().now() - healed);
    until([&] { return inputs("ada").size() >= sent; }, "all are written down");
  }
  CHECK(broker->pid() == pid);
  CHECK(inputs("ada").size() == sent);
  for (std::uint64_t number = 1; number <= sent; ++number) {
    CHECK(inputs_with("ada", fmt::format("#{}#", number)).size() == 1);
  }
  figure("F3", fmt::format("EIO, ENOSPC, short write: {} calls failed, 0 false acks, {} of {} "
                           "messages read once, no restart, slowest recovery {} ms",
                           failures, sent, sent,
                           std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count()));
}

TEST_CASE_FIXTURE(FaultWorld, "F4: a broker starts on whatever is left of its journal") {
  serve();
  spawn("ada", "paste");
  for (int i = 1; i <= 10; ++i) dm("ada", fmt::format("#{}# {}", i, std::string(500, 'b')));
  until([&] { return acked("ada") == 10; }, "all are acknowledged");
  end();
  const Path state = temp / "state";
  std::vector<std::pair<Path, std::string>> sound;
  for (const Path& file : journal_files(state)) sound.emplace_back(file, bytes_of(file));
  REQUIRE(sound.size() == 2);
  const unsigned seed = test::seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int flips = long_form("RELAY_BROKER_FLIPS", 6);
  int reported = 0;
  for (int flip = 0; flip < flips; ++flip) {
    const std::size_t which = random() % sound.size();
    for (const auto& [file, bytes] : sound) put_bytes(file, bytes);
    std::string damaged = sound[which].second;
    if (flip % 3 == 2) {
      damaged.resize(random() % damaged.size());
    } else {
      damaged[random() % damaged.size()] ^= static_cast<char>(1U << random() % 8);
    }
    put_bytes(sound[which].first, damaged);
    CAPTURE(which);
    serve();
    CHECK(ask({"status"}, "/agents") != "absent");
    end();
    if (broker->err().find("journal") != std::string::npos) ++reported;
  }
  figure("F4", fmt::format("{} journals with a flipped bit or a torn end: the broker started on "
                           "each, {} said what was damaged",
                           flips, reported));
}

TEST_CASE_FIXTURE(FaultWorld,
                  "F16: without descriptors a spawn fails with the cause, nothing else") {
  serve();
  spawn("ada", "paste");
  const auto open = std::distance(
      std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", broker->pid())), {});
  const rlim_t most = static_cast<rlim_t>(open) + 8;
  const rlimit few{most, most};
  REQUIRE(::prlimit(broker->pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  int spawned = 0;
  std::string refusal;
  while (refusal.empty() && spawned < 64) {
    const RunResult made = run({"spawn", "--name", fmt::format("more-{}", spawned), "cat"});
    if (made.status.as_shell() == 0)
      ++spawned;
    else
      refusal = made.err;
  }
  CAPTURE(refusal);
  CHECK(refusal.find("Too many open files") != std::string::npos);
  CHECK(refusal.find("hint: raise the limit of open files") != std::string::npos);
  // Whoever is there is served on.
  dm("ada", "#1#");
  until([&] { return acked("ada") == 1; }, "it is acknowledged");
  CHECK(inputs_with("ada", "#1#").size() == 1);
  if (spawned > 0) CHECK(run({"release", "more-0"}).status.as_shell() == 0);
  figure("F16", fmt::format("{} descriptors: {} more agents, then \"{}\"; the others are served on",
                            most, spawned, refusal.substr(0, refusal.find('\n'))));
}

TEST_CASE_FIXTURE(FaultWorld, "F16: without memory a spawn is refused with a hint, nothing else") {
  // A sanitizer needs address space of its own.
  if (kSanitized) return;
  serve();
  spawn("ada", "paste");
  std::ifstream statm(fmt::format("/proc/{}/statm", broker->pid()));
  rlim_t pages = 0;
  statm >> pages;
  const rlim_t most = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{32} << 20U);
  const rlimit little{most, most};
  REQUIRE(::prlimit(broker->pid(), RLIMIT_AS, &little, nullptr) == 0);
  const RunResult refused = run({"spawn", "--name", "bert", "cat"});
  CAPTURE(refused.err);
  CHECK(refused.status.as_shell() == 75);
  CHECK(refused.err.find("too little for another agent") != std::string::npos);
  CHECK(refused.err.find("hint: raise its limit (ulimit -v") != std::string::npos);
  CHECK(run({"doctor"}).out.find("may take only") != std::string::npos);
  dm("ada", "#1#");
  until([&] { return acked("ada") == 1; }, "it is acknowledged");
  CHECK(inputs_with("ada", "#1#").size() == 1);
  figure("F16", fmt::format("32 MiB of address space left: \"{}\"; the others are served on",
                            refused.err.substr(0, refused.err.find('\n'))));
}

}  // namespace relay::test
