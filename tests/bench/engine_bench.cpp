// What the engine costs, its store beside what the disk can do at the same time, and a whole engine
// with many nodes: `bench-engine [--json] [--quick] [--rounds N] [--rows N] [--only store|fleet]`.
// A send is a direct message with an idempotency key, as the SDK sends it: looked up, written with
// its delivery, and durable when it is answered.
#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <vector>

#include "bench/disk_rate.hpp"
#include "bench/engine_fleet.hpp"
#include "engine/store/sqlite/store_thread.hpp"
#include "net/task_group.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace relay;
using namespace relay::engine;
using namespace relay::bench;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kRound = std::chrono::seconds(1);
constexpr int kAgents = 100;
constexpr std::string_view kText =
    "Review the failing build and report back, please: the linker does not find the new library, "
    "and the tests of the parser take ten times as long as they did yesterday. Logs are attached.";

struct Options {
  bool json = false;
  bool quick = false;
  int rounds = 0;
  std::uint64_t rows = 0;
  std::string_view only;
};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

/// Of this thread: what the code costs, not what the machine was busy with.
double processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
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
    for (int i = 0; i < at_a_time; ++i) group.spawn(send_until(start + kRound, i));
    test::run(io_, group.join());
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
  int run_ = 0;
};

/// One message to a thousand agents.
void fan_out(const Report& report, int rounds, World& world) {
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
  Question question("one message to 1,000 agents, without its commit, by a processor's time",
                    less("us"));
  for (int round = 0; round < rounds; ++round) {
    question.add(kOurs, world.cost(10, [&](Store& store, int) -> Result<void> {
      MessageDraft draft;
      draft.channel = channel;
      draft.author = world.agent(0);
      draft.text = kText;
      auto posted = store.append_message(draft);
      if (!posted || posted->deliveries.size() != kMembers) {
        return fail(Error(Code::internal_error, "no fan-out"));
      }
      return {};
    }));
  }
  report.print(question);
}

/// What one delivery costs while so many wait in one mailbox.
void queued(const Report& report, int rounds, World& world, std::uint64_t rows,
            std::uint64_t& there) {
  constexpr int kSends = 200;
  constexpr int kFetches = 100;
  constexpr int kAcks = 100;
  constexpr std::uint64_t kAtOnce = 20'000;
  const Id from = world.agent(0);
  const Id to = world.agent(1);
  const std::uint64_t before = there;
  while (there < rows) {
    const auto many = std::min<std::uint64_t>(kAtOnce, rows - there);
    (void)world.cost(static_cast<int>(many), [&](Store& store, int i) -> Result<void> {
      auto posted = world.send(store, from, to,
                               fmt::format("fill-{}", there + static_cast<std::uint64_t>(i)));
      if (!posted) return fail(posted.error());
      return {};
    });
    there += many;
  }
  const std::string of = fmt::format("with {} queued: ", in_short(static_cast<double>(rows)));
  Question send(of + "a send", less("us"));
  Question fetch(of + "a backlog of 20", less("us"));
  Question ack(of + "an acknowledgement", less("us"));
  // As many as were acknowledged.
  const std::function<void()> one_send = [&] {
    send.add(kOurs, world.cost(kSends, [&](Store& store, int) -> Result<void> {
      auto posted = world.send(store, from, to, fmt::format("row-{}-{}", before, there++));
      if (!posted) return fail(posted.error());
      return {};
    }));
  };
  const std::function<void()> one_fetch = [&] {
    const auto mailbox = world.get<Mailbox>([&](Store& store) { return store.mailbox(to); });
    fetch.add(kOurs, world.cost(kFetches, [&](Store& store, int i) -> Result<void> {
      auto page =
          store.backlog(to, mailbox.acked_seq + static_cast<std::uint64_t>(i % 40) * 20, 20);
      if (!page || page->size() != 20) return fail(Error(Code::internal_error, "no page"));
      return {};
    }));
  };
  const std::function<void()> one_ack = [&] {
    const auto mailbox = world.get<Mailbox>([&](Store& store) { return store.mailbox(to); });
    ack.add(kOurs, world.cost(kAcks, [&](Store& store, int i) -> Result<void> {
      auto acked =
          store.ack_up_to(to, world.node(1), mailbox.acked_seq + static_cast<std::uint64_t>(i) + 1);
      if (!acked || acked->settled.size() != 1) return fail(Error(Code::internal_error, "no ack"));
      return {};
    }));
  };
  in_turns(rounds, {one_send, one_fetch, one_ack});
  for (const Question* each : {&send, &fetch, &ack}) report.print(*each);
}

void store(const Report& report, const Options& options) {
  constexpr std::string_view kDisk = "fdatasync of 4 KiB, the disk alone";
  const test::TempDir dir;
  const auto state = dir / "state";
  {
    DiskRate disk(dir / "tmp" / "disk");
    World world(state / "engine.db");
    Question singly("durable sends, one at a time", more("/s"));
    Question some("durable sends, 16 in flight", more("/s"));
    Question many("durable sends, 256 in flight", more("/s"));
    Question cost("processor time of one of those", less("us"));
    Question wait("a durable send while 1,000 a second come in, p99", less("ms"));
    many.limit(80'000);
    wait.limit(2);
    in_turns(
        options.rounds,
        {[&] { singly.add(kOurs, world.rate(1)); },
         [&] { singly.add(kDisk, disk.measure(kRound)); }, [&] { some.add(kOurs, world.rate(16)); },
         [&] {
           const auto start = std::clock();
           many.add(kOurs, world.rate(256));
           cost.add(kOurs, 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC /
                               static_cast<double>(world.sent()));
         },
         [&] { wait.add(kOurs, world.p99_at(1000)); }});
    for (const Question* each : {&singly, &some, &many, &cost, &wait}) report.print(*each);
    fan_out(report, options.rounds, world);
  }
  World world(state / "queue.db");
  std::uint64_t there = 0;
  // An acknowledgement needs rows to acknowledge, a backlog a page behind them.
  for (std::uint64_t rows = 1000; rows <= options.rows; rows *= 10) {
    queued(report, options.rounds, world, rows, there);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") options.json = true;
    if (argument == "--quick") options.quick = true;
    if (argument == "--rounds" && i + 1 < argc) options.rounds = std::atoi(argv[++i]);
    if (argument == "--only" && i + 1 < argc) options.only = argv[++i];
    if (argument == "--rows" && i + 1 < argc) {
      options.rows = static_cast<std::uint64_t>(std::atoll(argv[++i]));
    }
  }
  if (options.rounds == 0) options.rounds = options.quick ? 2 : 5;
  if (options.rows == 0) options.rows = options.quick ? 10'000 : 1'000'000;
  const Report report("engine", options.json);
  if (options.only != "fleet") store(report, options);
  if (options.only != "store") engine_fleet(report, options.quick);
  return 0;
}
