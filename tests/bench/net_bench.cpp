// Echo over WebSocket beside raw TCP and npm `ws`, and GETs beside node's http, in one run: each
// server has one core, the load comes from the other, and the rounds are interleaved so that a busy
// machine hits all alike.
//
//   bench-net [--json] [--quick] [--rounds N] [--only TEXT]   (questions with TEXT in their name)
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bench/net_load.hpp"
#include "bench/net_servers.hpp"
#include "bench/peers.hpp"
#include "bench/report.hpp"
#include "support/ws_wire.hpp"

namespace relay::bench {
namespace {

constexpr int kServerCore = 0;
constexpr int kLoadCore = 1;
constexpr double kSeconds = 0.4;
constexpr int kIdleConnections = 1000;

const std::string kUpgrade =
    "GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Who they are in a table.
constexpr std::string_view kRaw = "TCP echo in bare Asio";
constexpr std::string_view kNpm = "npm ws";
constexpr std::string_view kNodeHttp = "node's http";

Exchange ws_echo(std::size_t size) {
  const std::string text(size, 'm');
  return {kUpgrade, test::ws_frame(0x81, text, true), test::ws_frame(0x81, text, false).size()};
}

/// The bytes of a WebSocket's request, echoed as they are.
Exchange raw_echo(std::size_t size) {
  const auto frame = test::ws_frame(0x81, std::string(size, 'm'), true);
  return {"", frame, frame.size()};
}

class Bench {
 public:
  Bench(bool json, int rounds, std::string only)
      : report_("net", json), rounds_(rounds), only_(std::move(only)) {}

  void run() {
    start();
    for (const std::size_t size : {200, 400}) {
      const auto bytes = std::to_string(size) + " B";
      auto& one = ask("WebSocket echo of " + bytes + ", 1 in flight on each of 32 connections");
      add(one, kOurs, "ws", ws_echo(size), 32, 1);
      add(one, kRaw, "raw", raw_echo(size), 32, 1);
      add(one, kNpm, "npm", ws_echo(size), 32, 1);
      one.limit_beside(kRaw, 0.85);
      one.limit_beside(kNpm, 1.5);
      auto& many = ask("WebSocket echo of " + bytes + ", 64 in flight on each of 8");
      add(many, kOurs, "ws", ws_echo(size), 8, 64);
      add(many, kRaw, "raw", raw_echo(size), 8, 64);
      add(many, kNpm, "npm", ws_echo(size), 8, 64);
      many.limit_beside(kNpm, 5);
    }
    auto& http = ask("HTTP GET, kept alive, 1 in flight on each of 32 connections");
    add(http, kOurs, "http", http_get("http"), 32, 1);
    add(http, kNodeHttp, "node", http_get("node"), 32, 1);
    http.limit_beside(kNodeHttp, 1.5);
    in_turns(rounds_, turns_);
    for (const auto& question : questions_) report_.print(*question);
    idle_memory();
  }

 private:
  void start() {
    const std::string self = "/proc/self/exe";
    const std::string modules = std::string(BENCH_INTEROP) + "/node_modules";
    pin_to(kLoadCore);
    add_server("raw", {self, "--serve", "raw"}, modules);
    add_server("ws", {self, "--serve", "ws"}, modules);
    const auto beside = std::filesystem::read_symlink(self).parent_path();
    add_server("http", {(beside / "bench-http-echo-server").string()}, modules);
    if (program_in_path("node").empty()) return;
    add_server("node", {"node", BENCH_SOURCE "/http_hello.js"}, modules);
    if (!std::filesystem::exists(modules + "/ws")) return;
    add_server("npm", {"node", BENCH_SOURCE "/ws_echo.js"}, modules);
  }

  /// The length of the answer is the server's own business: it is asked once.
  Exchange http_get(const std::string& server) {
    const std::string request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
    const auto found = servers_.find(server);
    if (found == servers_.end()) return {"", request, 1};
    return {"", request, answer_size(*found->second, request)};
  }

  void add_server(const std::string& name, std::vector<std::string> argv,
                  const std::string& node_path) {
    auto server = std::make_unique<ServerProcess>(std::move(argv), node_path, kServerCore);
    if (server->port() != 0) servers_[name] = std::move(server);
  }

  Question& ask(const std::string& what) {
    auto question = std::make_unique<Question>(what, more("/s of a server's core"));
    asked_ = what.find(only_) != std::string::npos;
    if (!asked_) return *(unasked_ = std::move(question));
    return *questions_.emplace_back(std::move(question));
  }

  void add(Question& question, std::string_view who, const std::string& server,
           const Exchange& exchange, int connections, int in_flight) {
    if (!asked_) return;
    if (!servers_.contains(server)) return question.skip(who, kNoNode);
    // What is compiled while it runs has been, then.
    (void)drive(*servers_[server], exchange, connections, in_flight, kSeconds / 2);
    turns_.emplace_back([this, &question, who, server, exchange, connections, in_flight] {
      const auto rates = drive(*servers_[server], exchange, connections, in_flight, kSeconds);
      question.add(who, rates.per_core);
    });
  }

  void idle_memory() {
    const auto one = ws_echo(200);
    Question question("memory of an idle WebSocket connection", less("KiB"));
    question.limit(12);
    question.add(kOurs, idle_bytes(*servers_["ws"], one, kIdleConnections) / 1024);
    if (servers_.contains("npm")) {
      question.add(kNpm, idle_bytes(*servers_["npm"], one, kIdleConnections) / 1024);
    } else {
      question.skip(kNpm, kNoNode);
    }
    report_.print(question);
  }

  static constexpr std::string_view kNoNode = "no node in PATH, or no package (./dev interop)";

  Report report_;
  int rounds_;
  std::string only_;
  std::map<std::string, std::unique_ptr<ServerProcess>> servers_;
  std::vector<std::unique_ptr<Question>> questions_;
  std::unique_ptr<Question> unasked_;
  bool asked_ = true;
  std::vector<std::function<void()>> turns_;
};

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  bool json = false;
  bool quick = false;
  int rounds = 0;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--serve") == 0 && i + 1 < argc) {
      return relay::bench::serve(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
      rounds = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
      only = argv[++i];
    } else {
      std::fprintf(stderr, "usage: bench-net [--json] [--quick] [--rounds N] [--only TEXT]\n");
      return 2;
    }
  }
  if (rounds == 0) rounds = quick ? 2 : 7;
  relay::bench::Bench(json, rounds, only).run();
  return 0;
}
