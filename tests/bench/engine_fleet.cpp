#include "bench/engine_fleet.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/task_group.hpp"
#include "net/ws_client.hpp"
#include "os/system_random.hpp"
#include "support/served_engine.hpp"

namespace relay::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kAgentsOfOne = 1000;
constexpr int kNodes = 1000;
constexpr int kNodesInShort = 100;
constexpr int kAgentsEach = 10;
constexpr int kRounds = 9;
/// Requests under way at a time while a scene is set.
constexpr int kAskers = 16;
constexpr auto kPatience = std::chrono::seconds(120);

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench-engine: %s\n", why.c_str());
  std::exit(1);
}

double milliseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

/// The text behind `"key":"` in a frame of the engine's, which writes without spaces.
std::string text_of(const std::string& frame, const std::string& key) {
  const auto at = frame.find("\"" + key + "\":\"");
  if (at == std::string::npos) return {};
  const auto from = at + key.size() + 4;
  return frame.substr(from, frame.find('"', from) - from);
}

void in_parallel(int times, const std::function<void(int)>& work) {
  std::atomic<int> next{0};
  std::vector<std::thread> askers;
  for (int i = 0; i < kAskers; ++i) {
    askers.emplace_back([&] {
      for (int turn = next++; turn < times; turn = next++) work(turn);
    });
  }
  for (auto& asker : askers) asker.join();
}

class Engine {
 public:
  [[nodiscard]] std::uint16_t port() const { return served_.port(); }

  /// Fails the bench when the answer is none of success.
  [[nodiscard]] test::Reply post(const std::string& target, const std::string& token,
                                 const std::string& body) const {
    auto reply = served_.ask("POST", target, token, body);
    if (reply.status / 100 != 2) die("POST " + target + ": " + reply.body);
    return reply;
  }
  [[nodiscard]] std::string enroll(const std::string& name) const {
    return post("/v1/nodes", served_.key(),
                fmt::format(R"({{"name":"{0}","node_id":"{0}"}})", name))
        .at("/data/token");
  }
  [[nodiscard]] std::string agent(const std::string& name) const { return served_.add_agent(name); }
  /// Milliseconds of all its threads so far, which other programs of the machine hardly change.
  [[nodiscard]] double processor() const {
    clockid_t clock = 0;
    timespec time{};
    if (::clock_getcpuclockid(served_.pid(), &clock) != 0) return 0;
    ::clock_gettime(clock, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
  }
  /// Megabytes of memory in use.
  [[nodiscard]] double memory() const {
    std::ifstream in(fmt::format("/proc/{}/status", served_.pid()));
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    }
    return 0;
  }

 private:
  test::TempDir temp_;
  test::ServedEngine served_{temp_, temp_.environment()};
};

/// What our own broker says that it can do, and the published one does not.
constexpr std::string_view kCursors = R"({"name":"relay:delivery-cursor-v1","kind":"capacity"})";

/// A node with agents: it registers, and each agent, and acknowledges what comes.
class Node {
 public:
  Node(std::string name, std::string token, int agents, std::string_view capabilities)
      : name_(std::move(name)),
        token_(std::move(token)),
        capabilities_(capabilities),
        wanted_(agents) {}

  asio::awaitable<void> live(std::uint16_t port, Random* random) {
    net::WsClientOptions options(fmt::format("ws://127.0.0.1:{}/v1/node/ws", port));
    options.headers.add("Authorization", "Bearer " + token_);
    options.within = kPatience;
    auto outcome = co_await net::ws_connect(std::move(options), random);
    if (!outcome.connected) die(outcome.connected.error().message);
    socket_.emplace(std::move(outcome.connected->socket));
    say(fmt::format(
        R"({{"v":1,"type":"node.register","name":"{}","node_id":"{}","capabilities":[{}],)"
        R"("max_agents":{},"tags":[],"version":"bench","resume_cursor":null}})",
        name_, name_, capabilities_, wanted_));
    for (int i = 0; i < wanted_; ++i) {
      say(fmt::format(R"({{"v":1,"type":"agent.register","id":"r{}","name":"{}-{}"}})", i, name_,
                      i));
    }
    for (;;) {
      auto message = co_await socket_->receive(kPatience);
      if (!message) co_return;  // it has left
      take(message->payload);
    }
  }
  void leave() {
    if (socket_) socket_->abort();
  }
  /// The mark that the texts of messages have to bear to be counted.
  void count(std::string mark) {
    mark_ = std::move(mark);
    delivered_ = 0;
  }
  [[nodiscard]] int delivered() const { return delivered_; }
  [[nodiscard]] bool is_complete() const {
    return tokens_.size() == static_cast<std::size_t>(wanted_);
  }
  [[nodiscard]] const std::vector<std::string>& tokens() const { return tokens_; }

 private:
  void say(const std::string& frame) {
    const auto said = socket_->try_send(frame);
    if (!said) die(said.error().message);
  }
  void take(const std::string& frame) {
    const auto type = text_of(frame, "type");
    if (type == "reply") {
      auto token = text_of(frame, "token");
      if (!token.empty()) tokens_.push_back(std::move(token));
    } else if (type == "deliver") {
      const auto seq = frame.find("\"seq\":");
      if (seq == std::string::npos) return;
      say(fmt::format(R"({{"v":1,"type":"delivery.ack","agent":"{}","up_to_seq":{}}})",
                      text_of(frame, "agent"), std::atoll(frame.c_str() + seq + 6)));
      if (!mark_.empty() && frame.find(mark_) != std::string::npos) ++delivered_;
    } else if (type == "error") {
      die(frame);
    }
  }

  std::string name_;
  std::string token_;
  std::string capabilities_;
  int wanted_;
  std::optional<net::WebSocket> socket_;
  std::vector<std::string> tokens_;
  std::string mark_;
  int delivered_ = 0;
};

/// Nodes on the loop of this thread.
class Fleet {
 public:
  explicit Fleet(const Engine& engine) : engine_(engine) {}
  ~Fleet() {
    for (const auto& node : nodes_) node->leave();
    io_.run();
  }
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void connect(const std::vector<std::string>& tokens, int agents, std::string_view capabilities) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      nodes_.push_back(
          std::make_unique<Node>(fmt::format("node{}", i), tokens[i], agents, capabilities));
      group_.spawn(nodes_.back()->live(engine_.port(), &random_));
    }
    run_until([&] {
      return std::all_of(nodes_.begin(), nodes_.end(),
                         [](const auto& node) { return node->is_complete(); });
    });
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = SteadyClock::now() + kPatience;
    while (!done()) {
      if (io_.run_one_until(deadline) == 0) die("the nodes have waited in vain");
    }
  }
  [[nodiscard]] Node& node(std::size_t number) { return *nodes_[number]; }

 private:
  const Engine& engine_;
  asio::io_context io_;
  os::SystemRandom random_;
  std::vector<std::unique_ptr<Node>> nodes_;
  net::TaskGroup group_{io_.get_executor()};
};

/// From the request until the node has read the last of a thousand frames.
void fan_out(const Report& report) {
  const Engine engine;
  Fleet fleet(engine);
  fleet.connect({engine.enroll("node0")}, kAgentsOfOne, "");
  const auto sender = engine.agent("sender");
  (void)engine.post("/v1/channels", sender, R"({"name":"everyone"})");
  auto& node = fleet.node(0);
  in_parallel(kAgentsOfOne, [&](int i) {
    (void)engine.post("/v1/channels/everyone/join", node.tokens()[static_cast<std::size_t>(i)],
                      "{}");
  });
  std::vector<double> rounds;
  const double before = engine.processor();
  for (int i = 0; i < kRounds; ++i) {
    const auto mark = fmt::format("round {}.", i);
    node.count(mark);
    const auto start = SteadyClock::now();
    std::thread poster([&] {
      (void)engine.post("/v1/channels/everyone/messages", sender,
                        fmt::format(R"({{"text":"{} Please report back."}})", mark));
    });
    fleet.run_until([&] { return node.delivered() == kAgentsOfOne; });
    rounds.push_back(milliseconds_since(start));
    poster.join();
  }
  Question question("one message to the 1,000 agents of a node, until the node has read all",
                    less("ms"));
  question.add(kOurs, rounds);
  question.limit(50);
  report.print(question);
  // With the acknowledgements of all but the last.
  report.row("the engine's processor time for one, with its 1,000 acknowledgements",
             (engine.processor() - before) / kRounds, less("ms"));
}

void memory(const Report& report, int nodes) {
  const Engine engine;
  const double before = engine.memory();
  std::vector<std::string> tokens(static_cast<std::size_t>(nodes));
  in_parallel(nodes, [&](int i) {
    tokens[static_cast<std::size_t>(i)] = engine.enroll(fmt::format("node{}", i));
  });
  Fleet fleet(engine);
  const auto start = SteadyClock::now();
  const double processor = engine.processor();
  fleet.connect(tokens, kAgentsEach, kCursors);
  const auto crowd =
      fmt::format("{} nodes with {} agents", in_short(nodes), in_short(nodes * kAgentsEach));
  report.row(crowd + ": connected and registered in", milliseconds_since(start), less("ms"));
  report.row(crowd + ": the engine's processor time for that", engine.processor() - processor,
             less("ms"));
  // Each node hears of one: they are not only said to be there.
  const auto sender = engine.agent("sender");
  for (int i = 0; i < nodes; ++i) fleet.node(static_cast<std::size_t>(i)).count("Are you there?");
  std::thread poster([&] {
    in_parallel(nodes, [&](int i) {
      (void)engine.post("/v1/dm", sender,
                        fmt::format(R"({{"to":"node{}-0","text":"Are you there?"}})", i));
    });
  });
  fleet.run_until([&] {
    int all = 0;
    for (int i = 0; i < nodes; ++i) all += fleet.node(static_cast<std::size_t>(i)).delivered();
    return all == nodes;
  });
  poster.join();
  report.row("the engine's memory with none", before, less("MB"));
  report.row(crowd + ": the engine's memory", engine.memory(), less("MB"), 400);
}

}  // namespace

void engine_fleet(const Report& report, bool quick) {
  fan_out(report);
  memory(report, quick ? kNodesInShort : kNodes);
}

}  // namespace relay::bench
