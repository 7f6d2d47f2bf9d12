// Echo over WebSocket beside raw TCP and npm `ws`, and GETs beside node's http, in one run: each
// server has one core, the load comes from the other, and the rounds are interleaved so that a busy
// machine hits all alike.
//
//   bench-net [--json] [--rounds N] [--only TEXT]   (rows with TEXT in their name)
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "bench/net_load.hpp"
#include "bench/net_servers.hpp"
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

struct Contender {
  std::string name;
  std::unique_ptr<ServerProcess> server;
};

/// One line of the table: a contender under a load.
struct Row {
  std::string name;
  std::string contender;
  Exchange exchange;
  int connections;
  int in_flight;
  std::vector<double> per_second;
  std::vector<double> per_core;
};

/// A row's rate over another's, with the least that it must be.
struct Ratio {
  std::string over;
  std::string under;
  double target;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

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
      : json_(json), rounds_(rounds), only_(std::move(only)) {}

  int run() {
    start();
    for (const std::size_t size : {200, 400}) {
      const auto bytes = std::to_string(size) + " B";
      add("raw TCP echo " + bytes + ", 1 in flight", "raw", raw_echo(size), 32, 1);
      add("WebSocket echo " + bytes + ", 1 in flight", "ws", ws_echo(size), 32, 1);
      add("npm ws echo " + bytes + ", 1 in flight", "npm", ws_echo(size), 32, 1);
      add("raw TCP echo " + bytes + ", 64 in flight", "raw", raw_echo(size), 8, 64);
      add("WebSocket echo " + bytes + ", 64 in flight", "ws", ws_echo(size), 8, 64);
      add("npm ws echo " + bytes + ", 64 in flight", "npm", ws_echo(size), 8, 64);
      compare("WebSocket echo " + bytes + ", 1 in flight",
              "raw TCP echo " + bytes + ", 1 in flight", 0.85);
      compare("WebSocket echo " + bytes + ", 1 in flight", "npm ws echo " + bytes + ", 1 in flight",
              1.5);
      compare("WebSocket echo " + bytes + ", 64 in flight",
              "npm ws echo " + bytes + ", 64 in flight", 5);
    }
    add("HTTP keep-alive GET, 1 in flight", "http", http_get("http"), 32, 1);
    add("node http keep-alive GET, 1 in flight", "node", http_get("node"), 32, 1);
    compare("HTTP keep-alive GET, 1 in flight", "node http keep-alive GET, 1 in flight", 1.5);
    for (int round = 0; round < rounds_; ++round) {
      for (auto& row : rows_) measure(row);
    }
    report();
    idle_memory();
    return 0;
  }

 private:
  void start() {
    const std::string self = "/proc/self/exe";
    const std::string modules = std::string(BENCH_INTEROP) + "/node_modules";
    pin_to(kLoadCore);
    add_contender("raw", {self, "--serve", "raw"}, modules);
    add_contender("ws", {self, "--serve", "ws"}, modules);
    const auto beside = std::filesystem::read_symlink(self).parent_path();
    add_contender("http", {(beside / "bench-http-echo-server").string()}, modules);
    add_contender("node", {"node", BENCH_SOURCE "/http_hello.js"}, modules);
    const std::string install =
        "npm install --silent --no-audit --no-fund --prefix " BENCH_INTEROP " >/dev/null 2>&1";
    const bool there = std::system(("test -d " + modules + "/ws || " + install).c_str()) == 0;
    if (there) add_contender("npm", {"node", BENCH_SOURCE "/ws_echo.js"}, modules);
    if (!contenders_.contains("npm")) {
      std::fprintf(stderr, "npm ws is not there (node, or `npm install` in %s): rows skipped\n",
                   BENCH_INTEROP);
    }
  }

  /// The length of the answer is the server's own business: it is asked once.
  Exchange http_get(const std::string& contender) {
    const std::string request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
    const auto found = contenders_.find(contender);
    if (found == contenders_.end()) return {"", request, 1};
    return {"", request, answer_size(*found->second.server, request)};
  }

  void add_contender(const std::string& name, std::vector<std::string> argv,
                     const std::string& node_path) {
    auto server = std::make_unique<ServerProcess>(std::move(argv), node_path, kServerCore);
    if (server->port() != 0) contenders_[name] = Contender{name, std::move(server)};
  }

  void add(std::string name, std::string contender, Exchange exchange, int connections,
           int in_flight) {
    if (!contenders_.contains(contender) || name.find(only_) == std::string::npos) return;
    rows_.push_back(Row{std::move(name),
                        std::move(contender),
                        std::move(exchange),
                        connections,
                        in_flight,
                        {},
                        {}});
  }

  void compare(std::string over, std::string under, double target) {
    ratios_.push_back(Ratio{std::move(over), std::move(under), target});
  }

  void measure(Row& row) {
    const auto rates = drive(*contenders_[row.contender].server, row.exchange, row.connections,
                             row.in_flight, kSeconds);
    row.per_second.push_back(rates.per_second);
    row.per_core.push_back(rates.per_core);
  }

  void report() {
    std::map<std::string, double> per_core;
    for (const auto& row : rows_) {
      per_core[row.name] = median(row.per_core);
      print(row.name, "msg/s", median(row.per_second));
      print(row.name, "msg/s per server core", per_core[row.name]);
    }
    for (const auto& ratio : ratios_) {
      if (!per_core.contains(ratio.over) || !per_core.contains(ratio.under)) continue;
      print(ratio.over + " / " + ratio.under, "x", per_core[ratio.over] / per_core[ratio.under],
            ratio.target, true);
    }
  }

  void idle_memory() {
    const auto one = ws_echo(200);
    const double ours = idle_bytes(*contenders_["ws"].server, one, kIdleConnections);
    print("idle WebSocket connection", "KiB", ours / 1024, 12, false);
    if (contenders_.contains("npm")) {
      const double npm = idle_bytes(*contenders_["npm"].server, one, kIdleConnections);
      print("idle npm ws connection", "KiB", npm / 1024);
    }
  }

  void print(const std::string& row, const char* unit, double value) const {
    if (json_) {
      std::printf("{\"bench\":\"net\",\"row\":\"%s\",\"unit\":\"%s\",\"value\":%.2f}\n",
                  row.c_str(), unit, value);
    } else {
      std::printf("%-78s %14.2f %s\n", row.c_str(), value, unit);
    }
    std::fflush(stdout);
  }

  void print(const std::string& row, const char* unit, double value, double target,
             bool at_least) const {
    const bool met = at_least ? value >= target : value <= target;
    if (json_) {
      std::printf(
          "{\"bench\":\"net\",\"row\":\"%s\",\"unit\":\"%s\",\"value\":%.2f,\"target\":%.2f,"
          "\"met\":%s}\n",
          row.c_str(), unit, value, target, met ? "true" : "false");
    } else {
      std::printf("%-78s %14.2f %s (%s %.2f: %s)\n", row.c_str(), value, unit,
                  at_least ? "at least" : "at most", target, met ? "met" : "MISSED");
    }
    std::fflush(stdout);
  }

  bool json_;
  int rounds_;
  std::string only_;
  std::map<std::string, Contender> contenders_;
  std::vector<Row> rows_;
  std::vector<Ratio> ratios_;
};

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  bool json = false;
  int rounds = 5;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--serve") == 0 && i + 1 < argc) {
      return relay::bench::serve(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
      rounds = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
      only = argv[++i];
    } else {
      std::fprintf(stderr, "usage: bench-net [--json] [--rounds N] [--only TEXT]\n");
      return 2;
    }
  }
  return relay::bench::Bench(json, rounds, only).run();
}
