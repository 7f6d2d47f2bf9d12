// F3, F4, F16: a disk that fails, a journal that is damaged, descriptors that run out.
#include <algorithm>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <random>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include "fault/disk_orders.hpp"
#include "fault/fault_world.hpp"
#include "support/bytes_of.hpp"
#include "support/sanitized.hpp"
#include "support/seed.hpp"
#include "support/skipped.hpp"
#include "wire/json.hpp"

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
    wait_until([&] { return acked("ada") >= number; }, fmt::format("{} are acknowledged", number));
  }

  DiskOrders* disk = nullptr;
};

/// The database, its log, and the mark of the last commit, in this order.
std::vector<Path> journal_files(const Path& state) {
  std::vector<Path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    const std::string name = entry.path().filename().string();
    if (name == "journal.db" || name == "journal.db-wal" || name == "journal.db.mark") {
      out.push_back(entry.path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

void put_bytes(const Path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

constexpr int kFlipsAsked = 1000;
constexpr std::size_t kRead = 5;
constexpr std::size_t kWaiting = 10;
constexpr std::size_t kDead = 4;

/// A journal with messages of each kind: some that were read, some that wait, some dead letters.
struct DamagedWorld : FaultWorld {
  /// What a broker says that it has.
  struct Standing {
    std::string agents;  // their names
    std::size_t waits = 0;
    std::vector<std::string> dead;  // sorted ids
  };

  /// Everything anew.
  void begin() {
    if (!sound.empty()) {
      // Whoever still runs ends with this broker.
      serve({"--relay", "off"});
      end(SIGTERM);
      std::filesystem::remove_all(temp / "state");
      for (const char* name : {"ada", "deaf", "gone"}) {
        std::filesystem::remove(temp / fmt::format("{}.inputs", name));
      }
      sound.clear();
    }
    fill();
    before = standing();
    REQUIRE(before.waits == kWaiting);
    REQUIRE(before.dead.size() == kDead);
    end();
    for (const Path& file : journal_files(temp / "state")) {
      sound.emplace_back(file, bytes_of(file));
    }
    REQUIRE(sound.size() == 3);
  }
  void fill() {
    serve({"--relay", "off"});
    spawn("ada", "paste");
    spawn("deaf", "deaf");
    spawn("gone", "deaf");
    const auto send = [this](const std::string& to, std::size_t many) {
      for (std::size_t i = 0; i < many; ++i) {
        const RunResult sent = run({"send", to, fmt::format("#{}# {}", i, std::string(500, 'b'))});
        REQUIRE(sent.status.as_shell() == 0);
      }
    };
    send("ada", kRead);
    send("deaf", kWaiting);
    send("gone", kDead);
    wait_until([&] { return inputs("ada").size() == kRead; }, "all are read");
    wait_until([&] { return waits_of("ada") == 0; }, "all of them have ended");
    REQUIRE(run({"release", "gone"}).status.as_shell() == 0);
  }
  /// 0 for an agent that the journal has lost.
  [[nodiscard]] std::size_t waits_of(const std::string& name) const {
    const auto list = parsed({"status"}, "/agents");
    for (int i = 0; list.root().at(fmt::format("/{}", i)); ++i) {
      const auto field = [&](const char* what) {
        return list.root().at(fmt::format("/{}/{}", i, what));
      };
      if (field("name")->string() != name) continue;
      return field("pending_messages")->unsigned_integer().value();
    }
    return 0;
  }
  [[nodiscard]] Standing standing() const {
    Standing out;
    out.waits = waits_of("deaf");
    const auto agents = parsed({"status"}, "/agents");
    for (int i = 0;; ++i) {
      const auto name = agents.root().at(fmt::format("/{}/name", i));
      if (!name) break;
      out.agents += name->json().text();
    }
    const auto list = parsed({"dead-letters", "list"}, "/dead_letters");
    for (int i = 0;; ++i) {
      const auto id = list.root().at(fmt::format("/{}/id", i));
      if (!id) break;
      out.dead.emplace_back(id->json().text());
    }
    std::sort(out.dead.begin(), out.dead.end());
    return out;
  }

  /// The journal before it is damaged, and what a broker has said of it.
  std::vector<std::pair<Path, std::string>> sound;
  Standing before;

 private:
  [[nodiscard]] wire::JsonDocument parsed(const std::vector<std::string>& words,
                                          const char* place) const {
    auto document = wire::JsonDocument::parse(ask(words, place), wire::kEngineLimits);
    REQUIRE(document);
    return *std::move(document);
  }
};

}  // namespace

TEST_CASE_FIXTURE(DiskWorld, "F3: a disk that takes nothing stops the acks, not the broker") {
  if (kSanitized) return skip_row("F3", "a sanitizer does not allow LD_PRELOAD");
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
    wait_until([&] { return inputs("ada").size() == sent; }, "what came before is written down");
    const std::uint64_t before = sent;
    give_orders(trouble);
    for (int i = 0; i < 3; ++i) send();
    wait_until([&] { return disk->failed > 2; }, "the disk has failed, and again");
    settle();
    CHECK(acked("ada") == before);
    CHECK(inputs("ada").size() == before);
    failures += static_cast<int>(disk->failed);
    const auto healed = SystemClock().now();
    give_orders(DiskTrouble::none);
    wait_acked(sent);
    slowest = std::max<Duration>(slowest, SystemClock().now() - healed);
    wait_until([&] { return inputs("ada").size() >= sent; }, "all are written down");
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

TEST_CASE_FIXTURE(DamagedWorld, "F4: a broker starts on whatever is left of its journal") {
  begin();
  const unsigned seed = test::seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int flips = long_form("RELAY_BROKER_FLIPS", 6);
  int reported = 0;
  int hit = 0;
  int silent = 0;
  std::size_t most_lost = 0;
  bool changed = false;
  for (int flip = 0; flip < flips; ++flip) {
    CAPTURE(flip);
    // A broker whose journal does not have an agent ends its program, which the sound one has.
    if (std::exchange(changed, false)) begin();
    // The mark is left as it is: it tells what is missing.
    const std::size_t which = random() % 2;
    for (const auto& [file, bytes] : sound) put_bytes(file, bytes);
    std::string damaged = sound[which].second;
    const bool torn = flip % 3 == 2;
    if (torn) {
      damaged.resize(random() % damaged.size());
    } else {
      damaged[random() % damaged.size()] ^= static_cast<char>(1U << random() % 8);
    }
    put_bytes(sound[which].first, damaged);
    CAPTURE(which);
    const std::size_t read_before = inputs("ada").size();
    serve({"--relay", "off"});
    const Standing after = standing();
    // Where the end of the log is gone, what had ended may be there as it was before.
    if (torn) wait_until([&] { return waits_of("ada") == 0; }, "it has ended again");
    end();
    const bool said = broker->err().find("journal") != std::string::npos;
    if (said) ++reported;
    // Nothing new, nothing again for a flipped bit, and what is missing is said.
    CHECK(after.waits <= before.waits);
    CHECK(after.waits + after.dead.size() <= before.waits + before.dead.size());
    if (!torn) CHECK(inputs("ada").size() == read_before);
    // What waited for an agent that the journal has lost is a dead letter.
    if (!torn && after.agents == before.agents) {
      CHECK(std::includes(before.dead.begin(), before.dead.end(), after.dead.begin(),
                          after.dead.end()));
    }
    if (inputs("ada").size() != read_before) CHECK(said);
    changed = after.agents != before.agents || after.waits != before.waits;
    const std::size_t had = before.waits + before.dead.size();
    const std::size_t lost = had - std::min(had, after.waits + after.dead.size());
    if (lost == 0) continue;
    ++hit;
    CHECK(said);
    if (!said) ++silent;
    if (!torn) most_lost = std::max(most_lost, lost);
  }
  figure("F4", fmt::format("a broker on {} of {} journals with a flipped bit or a torn end: it has "
                           "started on each, {} were reported; in {} messages were missing, {} of "
                           "them not reported, at most {} of {} for one bit",
                           flips, kFlipsAsked, reported, hit, silent, most_lost, kWaiting + kDead));
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
  wait_until([&] { return acked("ada") == 1; }, "it is acknowledged");
  wait_until([&] { return inputs_with("ada", "#1#").size() == 1; }, "it is written down");
  if (spawned > 0) CHECK(run({"release", "more-0"}).status.as_shell() == 0);
  figure("F16", fmt::format("{} descriptors: {} more agents, then \"{}\"; the others are served on",
                            most, spawned, refusal.substr(0, refusal.find('\n'))));
}

TEST_CASE_FIXTURE(FaultWorld, "F16: without memory a spawn is refused with a hint, nothing else") {
  if (kSanitized) return skip_row("F16", "a sanitizer needs address space of its own");
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
  wait_until([&] { return acked("ada") == 1; }, "it is acknowledged");
  wait_until([&] { return inputs_with("ada", "#1#").size() == 1; }, "it is written down");
  figure("F16", fmt::format("32 MiB of address space left: \"{}\"; the others are served on",
                            refused.err.substr(0, refused.err.find('\n'))));
}

}  // namespace relay::test
