// The engine killed again and again while clients send and read: `soak-engine [--cycles N]
// [--seed N]`, at each moment of a message's way in turn and at any time. What it has accepted is
// there after the restart, in each sender's order and once, whatever was sent again under its key;
// what was acknowledged does not come again.
#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

#include "soak/engine_kill_orders.hpp"
#include "support/history.hpp"
#include "support/seed.hpp"
#include "support/served_engine.hpp"

namespace {

using namespace relay;
using namespace std::chrono_literals;

constexpr std::size_t kSenders = 4;
constexpr int kLongestLife = 400;  // ms
/// So often at most the engine passes the moment at which it is to be killed.
constexpr int kMostPasses = 100;
/// An engine that does not come there is killed all the same.
constexpr auto kDiesWithin = 3s;
constexpr int kProgressEvery = 50;

struct Options {
  int cycles = 500;
  unsigned seed = test::seed();
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const auto value = static_cast<int>(std::strtoul(argv[i + 1], nullptr, 10));
    if (name == "--cycles") options.cycles = value;
    if (name == "--seed") options.seed = static_cast<unsigned>(value);
  }
  return options;
}

void expect(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

/// Where the engine is to be killed; without the library at any time only.
class Orders {
 public:
  explicit Orders(const std::filesystem::path& file) : file_(file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    expect(::ftruncate(fd, sizeof(test::KillOrders)) == 0, "no orders");
    void* at = ::mmap(nullptr, sizeof(test::KillOrders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    expect(at != MAP_FAILED, "no orders");
    orders_ = static_cast<test::KillOrders*>(at);
  }
  ~Orders() { ::munmap(orders_, sizeof(test::KillOrders)); }
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  [[nodiscard]] static const char* library() { return std::getenv("SOAK_KILL_LIBRARY"); }
  void add_to(os::Environment& environment) const {
    if (library() == nullptr) return;
    environment.set("LD_PRELOAD", library());
    environment.set(test::kKillVariable, file_.string());
  }
  void give(test::KillAt at, int passes) {
    orders_->passes = passes;
    orders_->at = at;
  }

 private:
  std::filesystem::path file_;
  test::KillOrders* orders_ = nullptr;
};

/// The engine that is killed and started again, each time over what it had stored.
class Engine {
 public:
  void start() {
    auto environment = temp_.environment();
    orders_.add_to(environment);
    served_ = std::make_unique<test::ServedEngine>(temp_, environment);
  }
  void kill() { served_->kill(); }
  /// Whether it was killed there. Otherwise it did not come there in time, and was killed then.
  bool kill_at(test::KillAt at, int passes) {
    orders_.give(at, passes);
    bool died = true;
    try {
      (void)served_->program().wait_end(kDiesWithin);
    } catch (const std::runtime_error&) {
      died = false;
    }
    orders_.give(test::KillAt::nowhere, 0);
    if (!died) kill();
    return died;
  }
  const test::ServedEngine* operator->() const { return served_.get(); }

 private:
  test::TempDir temp_;
  Orders orders_{temp_ / "orders"};
  std::unique_ptr<test::ServedEngine> served_;
};

/// What senders and the sink have seen, in one order, against what is promised.
class History {
 public:
  using Kind = test::HistoryEvent::Kind;
  void note(Kind kind, const std::string& message = {}, std::uint64_t number = 0,
            bool repeat = false) {
    test::HistoryEvent event;
    event.kind = kind;
    event.agent = "sink";
    event.message = message;
    event.number = number;
    event.repeat = repeat;
    const std::lock_guard lock(mutex_);
    const auto broken = checker_.take(event);
    if (broken && failure_.empty()) failure_ = *broken;
  }
  void check() {
    const std::lock_guard lock(mutex_);
    expect(failure_.empty(), failure_);
  }
  /// Everything that was accepted was read and acknowledged.
  void check_end() {
    check();
    const std::lock_guard lock(mutex_);
    const auto broken = checker_.finish();
    expect(!broken, broken.value_or(std::string()));
  }

 private:
  std::mutex mutex_;
  test::HistoryChecker checker_;
  std::string failure_;
};

/// How many messages may wait in the sink's mailbox: an engine may refuse what comes to a full one.
class Room {
 public:
  /// False when nobody reads any more.
  [[nodiscard]] bool take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return free_ > 0 || is_closed_; });
    if (is_closed_) return false;
    --free_;
    return true;
  }
  void give_back() {
    const std::lock_guard lock(mutex_);
    ++free_;
    changed_.notify_one();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }
  /// For an empty mailbox.
  void open() {
    const std::lock_guard lock(mutex_);
    free_ = kMost;
    is_closed_ = false;
  }

 private:
  /// With one on its way from each sender still fewer than an engine keeps for an agent (1,000).
  static constexpr int kMost = 800;

  std::mutex mutex_;
  std::condition_variable changed_;
  int free_ = kMost;
  bool is_closed_ = false;
};

/// Sends its numbers one by one, each until it is accepted.
class Sender {
 public:
  Sender(const Engine& engine, History& history, Room& room, std::size_t which)
      : engine_(engine),
        history_(history),
        room_(room),
        name_(fmt::format("sender{}", which)),
        token_(engine->add_agent(name_)) {}

  /// The first one, while nothing goes wrong: from then on it is known where they are stored.
  void begin() {
    (void)send_next();
    expect(failure_.empty(), failure_);
  }
  /// Until the engine does not answer any more.
  void run() {
    try {
      while (room_.take() && send_next()) {
      }
    } catch (const std::runtime_error&) {
      // It was killed: the same number again after its restart.
    }
  }
  /// All that was accepted is there, in order and once; perhaps the next one too.
  void check() {
    expect(failure_.empty(), failure_);
    for (const auto& [id, text] : fresh()) {
      expect(text == std::to_string(stored_ + 1),
             fmt::format("{}: {} is stored behind {}", name_, text, stored_));
      ++stored_;
      last_id_ = id;
    }
    expect(stored_ == accepted_ || stored_ == accepted_ + 1,
           fmt::format("{}: {} are stored, {} were accepted", name_, stored_, accepted_));
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t accepted() const { return accepted_; }
  [[nodiscard]] std::size_t stored() const { return stored_; }
  [[nodiscard]] std::size_t replayed() const { return replayed_; }

 private:
  /// Throws when there is no answer.
  bool send_next() {
    const auto message = fmt::format("{}-{}", name_, accepted_ + 1);
    if (begun_ == accepted_) {
      ++begun_;
      history_.note(History::Kind::send, message);
    }
    const auto reply =
        engine_->ask("POST", "/v1/dm", token_,
                     fmt::format(R"({{"to":"sink","text":"{}"}})", accepted_ + 1), message);
    history_.note(reply.status == 201 ? History::Kind::accepted : History::Kind::refused, message);
    if (reply.status != 201) {
      failure_ = fmt::format("{}: {} {}", name_, reply.status, reply.body);
      return false;
    }
    ++accepted_;
    if (reply.headers.contains("idempotency-replayed")) ++replayed_;
    if (conversation_.empty()) conversation_ = reply.at("/data/conversation_id");
    return true;
  }
  /// What is stored behind the last that was checked, by id; the newest come first, a page a time.
  [[nodiscard]] std::map<std::uint64_t, std::string> fresh() const {
    std::map<std::uint64_t, std::string> by_id;
    for (std::size_t before = 1; before != by_id.size();) {
      before = by_id.size();
      auto target = fmt::format("/v1/dm/{}/messages?limit=100&after={}", conversation_, last_id_);
      if (!by_id.empty()) target += fmt::format("&before={}", by_id.begin()->first);
      const auto page = engine_->ask("GET", target, token_);
      expect(page.status == 200, page.body);
      for (int i = 0;; ++i) {
        const auto id = page.at(fmt::format("/data/{}/id", i));
        if (id.empty()) break;
        by_id[std::stoull(id)] = page.at(fmt::format("/data/{}/text", i));
      }
    }
    return by_id;
  }

  const Engine& engine_;
  History& history_;
  Room& room_;
  std::string name_;
  std::string token_;
  std::string conversation_;
  std::uint64_t last_id_ = 1;
  std::string failure_;
  /// The last one that was tried.
  std::size_t begun_ = 0;
  std::size_t accepted_ = 0;
  std::size_t stored_ = 0;
  std::size_t replayed_ = 0;
};

/// Reads its deliveries and acknowledges each.
class Sink {
 public:
  Sink(const Engine& engine, History& history, Room& room)
      : engine_(engine), history_(history), room_(room), token_(engine->add_agent("sink")) {}

  void run() {
    try {
      while (read_once() != Seen::failure) {
      }
    } catch (const std::runtime_error&) {
      // What it has not heard an answer for may come again.
    }
    room_.close();
  }
  void drain() {
    while (read_once() == Seen::some) {
    }
    check();
    room_.open();
  }
  void check() const { expect(failure_.empty(), failure_); }

  [[nodiscard]] std::size_t read_from(const std::string& sender) const {
    const auto found = last_.find(sender);
    return found == last_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::size_t again() const { return again_; }

 private:
  enum class Seen { none, some, failure };

  Seen read_once() {
    const auto page = engine_->ask("GET", "/v1/deliveries?status=queued&limit=200", token_);
    if (page.status != 200) return fail(page.body);
    for (int i = 0;; ++i) {
      const auto at = [&](const char* field) {
        return page.at(fmt::format("/data/{}/{}", i, field));
      };
      const auto id = at("id");
      if (id.empty()) return i == 0 ? Seen::none : Seen::some;
      const auto sender = at("message/agent_name");
      const auto message = sender + "-" + at("message/text");
      const bool again = id == in_doubt_;
      // Who has not heard an answer to its acknowledgement is as one that was killed.
      if (again) history_.note(History::Kind::crashed);
      history_.note(History::Kind::numbered, message, std::stoull(at("seq")));
      history_.note(History::Kind::shown, message, 0, again);
      if (!take(id, sender, std::stoul(at("message/text")))) return Seen::failure;
      history_.note(History::Kind::acked, message);
      const auto acked = engine_->ask("POST", "/v1/deliveries/" + id + "/ack", token_, "{}");
      if (acked.status != 200) return fail(acked.body);
      in_doubt_.clear();
      room_.give_back();
    }
  }
  /// False when it is lost, out of order, or was acknowledged before.
  bool take(const std::string& id, const std::string& sender, std::size_t number) {
    if (id == in_doubt_) {
      ++again_;
      return true;
    }
    auto& last = last_[sender];
    if (number != last + 1) {
      (void)fail(fmt::format("{} of {} came behind {}", number, sender, last));
      return false;
    }
    last = number;
    in_doubt_ = id;
    return true;
  }
  Seen fail(const std::string& why) {
    failure_ = "sink: " + why;
    return Seen::failure;
  }

  const Engine& engine_;
  History& history_;
  Room& room_;
  std::string token_;
  std::map<std::string, std::size_t> last_;
  /// Taken, and its acknowledgement not answered.
  std::string in_doubt_;
  std::string failure_;
  std::size_t again_ = 0;
};

/// Each moment in turn, any time among them.
test::KillAt moment_of(int cycle) {
  if (Orders::library() == nullptr) return test::KillAt::nowhere;
  return static_cast<test::KillAt>(cycle % static_cast<int>(test::KillAt::count));
}

void soak(const Options& options) {
  std::array<int, test::kKillNames.size()> kills{};
  std::mt19937 random(options.seed);
  Engine engine;
  engine.start();
  History history;
  Room room;
  Sink sink(engine, history, room);
  std::vector<std::unique_ptr<Sender>> senders;
  for (std::size_t i = 0; i < kSenders; ++i) {
    senders.push_back(std::make_unique<Sender>(engine, history, room, i));
    senders.back()->begin();
  }
  for (int cycle = 0; cycle < options.cycles; ++cycle) {
    std::vector<std::thread> threads;
    threads.emplace_back([&] { sink.run(); });
    for (auto& sender : senders) threads.emplace_back([&sender] { sender->run(); });
    auto moment = moment_of(cycle);
    if (moment == test::KillAt::nowhere) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % kLongestLife));
      engine.kill();
    } else if (!engine.kill_at(moment, static_cast<int>(random() % kMostPasses))) {
      moment = test::KillAt::nowhere;
    }
    ++kills.at(static_cast<std::size_t>(moment));
    for (auto& thread : threads) thread.join();
    sink.check();
    history.check();
    engine.start();
    sink.drain();
    history.check();
    for (auto& sender : senders) {
      sender->check();
      expect(sink.read_from(sender->name()) == sender->stored(),
             fmt::format("{} of {} arrived from {}", sink.read_from(sender->name()),
                         sender->stored(), sender->name()));
    }
    if ((cycle + 1) % kProgressEvery == 0) {
      fmt::print("{} kills of {}\n", cycle + 1, options.cycles);
      std::fflush(stdout);
    }
  }
  std::size_t accepted = 0;
  std::size_t replayed = 0;
  for (const auto& sender : senders) {
    accepted += sender->accepted();
    replayed += sender->replayed();
  }
  history.check_end();
  engine.kill();
  for (std::size_t i = 0; i < kills.size(); ++i) {
    fmt::print("  killed {}: {}\n", test::kKillNames.at(i), kills.at(i));
  }
  // The last line says what all came to.
  fmt::print(
      "{} kills of the engine: {} messages accepted, none lost, doubled or out of order; {} "
      "sent again were known by their key, {} read again before their acknowledgement was "
      "answered\n",
      options.cycles, accepted, replayed, sink.again());
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  try {
    soak(options);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "soak engine failed (--seed {}): {}\n", options.seed, failure.what());
    return 1;
  }
  return 0;
}
