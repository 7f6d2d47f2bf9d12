// What the engine costs, its store beside what the disk can do at the same time, and a whole engine
// with many nodes: `bench-engine [--json] [--rows N] [--only store|fleet]`. A send is a direct
// message with an idempotency key, as the SDK sends it: looked up, written with its delivery, and
// durable when it is answered.
#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "bench/engine_fleet.hpp"
#include "engine/store/sqlite/store_thread.hpp"
#include "net/task_group.hpp"
#include "os/fd.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace relay;
using namespace relay::engine;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kRound = std::chrono::seconds(2);
constexpr int kAgents = 100;
constexpr std::string_view kText =
    "Review the failing build and report back, please: the linker does not find the new library, "
    "and the tests of the parser take ten times as long as they did yesterday. Logs are attached.";

struct Options {
  bool json = false;
  std::uint64_t rows = 1'000'000;
  std::string_view only;
};

void print(const Options& options, std::string_view row, std::string_view unit, double value,
           std::string_view note = {}) {
  if (options.json) {
    fmt::print("{{\"bench\":\"engine\",\"row\":\"{}\",\"unit\":\"{}\",\"value\":{:.1f}}}\n", row,
               unit, value);
  } else {
    fmt::print("{:<64} {:>12.2f} {:<4} {}\n", row, value, unit, note);
  }
  std::fflush(stdout);
}

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

/// Of this thread: what the code costs, not what the machine was busy with.
double processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Blocks of 4 KiB that are on the disk, one by one: the most that commits without company can be.
double disk_rate(const os::Path& file) {
  const os::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4096, 'x');
  // In place, as a log that is used again.
  for (int i = 0; i < 256; ++i) (void)!::pwrite(fd.get(), block.data(), block.size(), i * 4096L);
  ::fdatasync(fd.get());
  const auto start = SteadyClock::now();
  int done = 0;
  while (SteadyClock::now() - start < kRound) {
    if (::pwrite(fd.get(), block.data(), block.size(), (done % 256) * 4096L) < 0) std::exit(1);
    if (::fdatasync(fd.get()) != 0) std::exit(1);
    ++done;
  }
  return done / seconds_since(start);
}

class World {
 public:
  explicit World(const os::Path& path) {
    DeliveryStore::Limits limits;
    limits.depth = std::uint64_t{1} << 40U;
    limits.ttl = std::chrono::hours(24);
    auto opened = SqliteDatabase::open(path, files_, clock_, limits);
    if (!opened) die(opened.error());
    database_ = *std::move(opened);
    thread_.emplace(io_.get_executor(), *database_);
    set_up();
  }
  ~World() { test::run(io_, thread_->close()); }

  [[noreturn]] static void die(const Error& error) {
    std::fprintf(stderr, "bench-engine: %s\n", error.message.c_str());
    std::exit(1);
  }
  template <class T>
  T get(std::function<Result<T>(Store&)> work) {
    auto answer = test::run(io_, thread_->write<T>(std::move(work)), std::chrono::seconds(600));
    if (!answer) die(answer.error());
    return *std::move(answer);
  }

  asio::awaitable<void> send_until(SteadyClock::time_point end, int sender) {
    for (int i = 0; SteadyClock::now() < end; ++i) co_await send_one(sender, i, SteadyClock::now());
  }
  /// Each when it is due, whatever has become of those before; a wait counts from there.
  asio::awaitable<void> start_in_time(net::TaskGroup* group, int a_second) {
    asio::steady_timer timer(io_);
    const auto start = SteadyClock::now();
    const auto step = std::chrono::nanoseconds(1'000'000'000 / a_second);
    for (int i = 0; i < 2 * a_second; ++i) {
      const auto due = start + i * step;
      timer.expires_at(due);
      co_await timer.async_wait(asio::use_awaitable);
      group->spawn(send_one(i % 64, i, due));
    }
  }
  asio::awaitable<void> send_one(int sender, int number, SteadyClock::time_point start) {
    const Id from = agents_[static_cast<std::size_t>(sender % kAgents)];
    const Id to = agents_[static_cast<std::size_t>((sender + 1 + number % 7) % kAgents)];
    std::function<Result<Posted>(Store&)> work = [this, from, to, sender, number](Store& store) {
      return send(store, from, to, fmt::format("{}-{}-{}", run_, sender, number));
    };
    auto sending = thread_->write<Posted>(std::move(work));
    const auto posted = co_await std::move(sending);
    if (!posted) die(posted.error());
    waits_.push_back(seconds_since(start));
  }
  Result<Posted> send(Store& store, Id from, Id to, std::string key) const {
    auto conversation = store.direct_conversation(workspace_, from, to);
    if (!conversation) return fail(conversation.error());
    MessageDraft draft;
    draft.channel = conversation->id;
    draft.author = from;
    draft.text = kText;
    draft.key = IdempotencyKey{"dm:direct", std::move(key), "0123456789abcdef"};
    return store.append_message(draft);
  }

  /// Sends a second by so many at a time, each of whom waits for its answer.
  double rate(int at_a_time) {
    ++run_;
    waits_.clear();
    const auto start = SteadyClock::now();
    net::TaskGroup group(io_.get_executor());
    const auto before = database_->commits();
    for (int i = 0; i < at_a_time; ++i) group.spawn(send_until(start + kRound, i));
    test::run(io_, group.join());
    commits_ = database_->commits() - before;
    return static_cast<double>(waits_.size()) / seconds_since(start);
  }
  /// How long a send takes, in milliseconds, when so many come in a second.
  double p99_at(int a_second) {
    ++run_;
    waits_.clear();
    net::TaskGroup group(io_.get_executor());
    test::run(io_, start_in_time(&group, a_second));
    test::run(io_, group.join());
    std::sort(waits_.begin(), waits_.end());
    return 1000 * waits_[waits_.size() * 99 / 100];
  }
  /// Microseconds of processor for one operation of many in one transaction.
  double cost(int times, const std::function<Result<void>(Store&, int)>& operation) {
    std::function<Result<double>(Store&)> work = [&](Store& store) -> Result<double> {
      const double start = processor_time();
      for (int i = 0; i < times; ++i) {
        auto done = operation(store, i);
        if (!done) return fail(done.error());
      }
      return 1e6 * (processor_time() - start) / times;
    };
    return get<double>(std::move(work));
  }

  /// Of the sends measured last.
  [[nodiscard]] double per_commit() const {
    return static_cast<double>(waits_.size()) / static_cast<double>(commits_);
  }
  [[nodiscard]] Id workspace() const { return workspace_; }
  [[nodiscard]] std::size_t sent() const { return waits_.size(); }
  [[nodiscard]] Id agent(int number) const { return agents_[static_cast<std::size_t>(number)]; }
  [[nodiscard]] Id node(int number) const { return nodes_[static_cast<std::size_t>(number)]; }

 private:
  void set_up() {
    workspace_ = get<Id>([this](Store& store) -> Result<Id> {
      auto made = store.create_workspace("bench", "key");
      if (!made) return fail(made.error());
      for (int i = 0; i < kAgents; ++i) {
        NewAgent fresh;
        fresh.workspace = made->id;
        fresh.name = fmt::format("agent-{}", i);
        fresh.token_hash = fresh.name;
        auto agent = store.register_agent(fresh);
        if (!agent) return fail(agent.error());
        agents_.push_back(agent->id);
        nodes_.push_back(agent->node);
      }
      return made->id;
    });
  }

  asio::io_context io_;
  SystemClock clock_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  std::unique_ptr<SqliteDatabase> database_;
  std::optional<StoreThread> thread_;
  Id workspace_ = 0;
  std::vector<Id> agents_;
  std::vector<Id> nodes_;
  std::vector<double> waits_;
  std::uint64_t commits_ = 0;
  int run_ = 0;
};

/// One message to a thousand agents.
void fan_out(const Options& options, World& world) {
  constexpr int kMembers = 1000;
  const Id channel = world.get<Id>([&](Store& store) -> Result<Id> {
    NewChannel fresh;
    fresh.workspace = world.workspace();
    fresh.name = "everyone";
    auto made = store.create_channel(fresh);
    if (!made) return fail(made.error());
    for (int i = 0; i < kMembers; ++i) {
      NewAgent agent;
      agent.workspace = world.workspace();
      agent.name = fmt::format("member-{}", i);
      agent.token_hash = agent.name;
      auto registered = store.register_agent(agent);
      if (!registered) return fail(registered.error());
      auto joined = store.join_channel(made->id, registered->id);
      if (!joined) return fail(joined.error());
    }
    return made->id;
  });
  const double each = world.cost(20, [&](Store& store, int) -> Result<void> {
    MessageDraft draft;
    draft.channel = channel;
    draft.author = world.agent(0);
    draft.text = kText;
    auto posted = store.append_message(draft);
    if (!posted || posted->deliveries.size() != kMembers) {
      return fail(Error(Code::internal_error, "no fan-out"));
    }
    return {};
  });
  print(options, "one message to 1000 agents", "us", each, "processor, without the commit");
}

/// What one delivery costs while so many wait in one mailbox.
void queued(const Options& options, World& world, std::uint64_t rows, std::uint64_t& there) {
  constexpr int kTimes = 2000;
  constexpr std::uint64_t kAtOnce = 20'000;
  const Id from = world.agent(0);
  const Id to = world.agent(1);
  while (there + kTimes < rows) {
    const auto many = std::min<std::uint64_t>(kAtOnce, rows - kTimes - there);
    (void)world.cost(static_cast<int>(many), [&](Store& store, int i) -> Result<void> {
      auto posted = world.send(store, from, to,
                               fmt::format("fill-{}", there + static_cast<std::uint64_t>(i)));
      if (!posted) return fail(posted.error());
      return {};
    });
    there += many;
  }
  const double send = world.cost(kTimes, [&](Store& store, int i) -> Result<void> {
    auto posted = world.send(store, from, to, fmt::format("row-{}-{}", rows, i));
    if (!posted) return fail(posted.error());
    return {};
  });
  there += kTimes;
  const auto mailbox = world.get<Mailbox>([&](Store& store) { return store.mailbox(to); });
  const double fetch = world.cost(200, [&](Store& store, int i) -> Result<void> {
    auto page = store.backlog(to, mailbox.acked_seq + static_cast<std::uint64_t>(i % 40) * 20, 20);
    if (!page || page->size() != 20) return fail(Error(Code::internal_error, "no page"));
    return {};
  });
  const double ack = world.cost(400, [&](Store& store, int i) -> Result<void> {
    auto acked =
        store.ack_up_to(to, world.node(1), mailbox.acked_seq + static_cast<std::uint64_t>(i) + 1);
    if (!acked || acked->settled.size() != 1) return fail(Error(Code::internal_error, "no ack"));
    return {};
  });
  print(options, fmt::format("send, {} queued", rows), "us", send);
  print(options, fmt::format("backlog of 20, {} queued", rows), "us", fetch);
  print(options, fmt::format("acknowledge 1, {} queued", rows), "us", ack);
}

void store(const Options& options) {
  const test::TempDir dir;
  const auto state = dir / "state";
  const double disk = disk_rate(dir / "tmp" / "disk");
  print(options, "fdatasync of 4 KiB in place", "/s", disk, "the limit of one durable commit");
  {
    World world(state / "engine.db");
    const double singly = world.rate(1);
    print(options, "send, one at a time", "/s", singly,
          fmt::format("{:.0f} % of the disk", 100 * singly / disk));
    for (const int at_a_time : {16, 256}) {
      const auto start = std::clock();
      const double many = world.rate(at_a_time);
      const double processor = 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      print(options, fmt::format("send, {} at a time", at_a_time), "/s", many,
            fmt::format("{:.0f} a commit, {:.1f} us of processor each", world.per_commit(),
                        processor / static_cast<double>(world.sent())));
    }
    print(options, "send at 1000/s, p99", "ms", world.p99_at(1000));
    fan_out(options, world);
  }
  World world(state / "queue.db");
  std::uint64_t there = 0;
  for (std::uint64_t rows = 1000; rows <= options.rows; rows *= rows < 100'000 ? 100 : 10) {
    queued(options, world, std::max<std::uint64_t>(rows, 3000), there);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") options.json = true;
    if (argument == "--only" && i + 1 < argc) options.only = argv[++i];
    if (argument == "--rows" && i + 1 < argc) {
      options.rows = static_cast<std::uint64_t>(std::atoll(argv[++i]));
    }
  }
  if (options.only != "fleet") store(options);
  if (options.only != "store") bench::engine_fleet(bench::Report("engine", options.json));
  return 0;
}
