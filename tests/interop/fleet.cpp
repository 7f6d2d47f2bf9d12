#include "interop/fleet.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <stdexcept>
#include <sys/stat.h>

#include "support/keeper_world.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// The published broker starts, enrolls and connects anew.
constexpr Duration kPeerPatience = 60s;

std::string mark_reader() {
  const auto path = os::Environment::of_process().get("MARK_READER");
  if (!path) throw std::runtime_error("MARK_READER is not set; run this with meson test");
  return *path;
}

std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
}

Reply must(Reply reply, const std::string& what) {
  if (reply.status < 200 || reply.status > 299) throw std::runtime_error(what + ": " + reply.body);
  return reply;
}

}  // namespace

std::optional<std::string> published_broker() {
  const fs::path path =
      fs::path(INTEROP_DIR) / "node_modules/@agent-relay/broker-linux-x64/bin/agent-relay-broker";
  if (!fs::exists(path)) return std::nullopt;
  return path.string();
}

Fleet::Fleet() {
  for (const char* name : {"bin", "logs"}) fs::create_directory(temp / name);
  const auto reader = temp / "bin" / "reader";
  std::ofstream(reader) << "#!/bin/sh\nexec '" << mark_reader() << "' '" << (temp / "logs").string()
                        << "'/\"$RELAY_AGENT_NAME\"\n";
  ::chmod(reader.c_str(), 0700);
  environment.set("PATH", (temp / "bin").string() + ":" + *environment.get("PATH"));
  start_engine();
}

Fleet::~Fleet() {
  engine_.reset();
  end_all_with(temp.path().string());
}

void Fleet::start_engine() {
  engine_ = std::make_unique<ServedEngine>(temp, environment);
}

void Fleet::kill_engine() {
  engine_->kill();
}

Reply Fleet::ask(const std::string& method, const std::string& target, const std::string& body,
                 const std::string& token, const std::string& idempotency_key) const {
  return engine_->ask(method, target, token.empty() ? key() : token, body, idempotency_key);
}

std::string Fleet::token_of(const std::string& name) const {
  return must(ask("POST", "/v1/agents/" + name + "/rotate-token"), name).at("/data/token");
}

void Fleet::send(const std::string& token, const std::string& to, std::size_t number) const {
  const auto body =
      fmt::format(R"({{"to":"{}","text":"{} the quick brown fox"}})", to, bench::mark_of(number));
  const auto key = fmt::format("{}-{}", to, number);
  wait_until(
      [&] {
        try {
          return ask("POST", "/v1/dm", body, token, key).status == 201;
        } catch (const std::runtime_error&) {
          return false;
        }
      },
      "accepted by the engine");
}

bool Fleet::settled(const std::string& agent) const {
  return must(ask("GET", "/v1/agents/" + agent), agent).at("/data/pending_deliveries") == "[]";
}

std::unique_ptr<RunningProgram> Fleet::serve(const std::string& directory,
                                             std::vector<std::string> options) const {
  fs::create_directories(temp / directory);
  options.insert(options.begin(), "serve");
  os::Command command = binary_command(options, environment);
  command.working_directory = temp / directory;
  auto broker = std::make_unique<RunningProgram>(std::move(command));
  broker->wait_for("ready");
  return broker;
}

void Fleet::end_all_with(const std::string& words) const {
  wait_until(
      [&] {
        const auto left = alive_with(words);
        for (const pid_t pid : left) ::kill(pid, SIGKILL);
        return left.empty();
      },
      "the end of all with " + words);
}

std::string Fleet::log_of(const std::string& agent) const {
  return (temp / "logs" / agent).string();
}

std::vector<std::size_t> Fleet::read_by(const std::string& agent) const {
  std::vector<std::size_t> numbers;
  for (const auto& each : bench::marks_in(log_of(agent))) numbers.push_back(each.number);
  return numbers;
}

void Fleet::wait_read(const std::string& agent, const std::vector<std::size_t>& numbers,
                      Duration at_most) const {
  const auto shown = [&] {
    return fmt::format("it read {} of {}: {}", read_by(agent).size(), numbers.size(),
                       fmt::join(read_by(agent), " "));
  };
  wait_until([&] { return read_by(agent).size() >= numbers.size(); }, "all read by " + agent,
             at_most, shown);
  if (read_by(agent) != numbers) throw std::runtime_error("not once and in order: " + shown());
}

Published::Published(Fleet& fleet, std::uint16_t engine)
    : fleet_(fleet), environment_(fleet.environment) {
  environment_.set("RELAYCAST_BASE_URL", fmt::format("http://127.0.0.1:{}", engine));
  environment_.set("RELAY_BROKER_API_KEY", "br_test");
  environment_.set("AGENT_RELAY_TELEMETRY_DISABLED", "1");
  environment_.set("DO_NOT_TRACK", "1");
  environment_.set("AGENT_RELAY_BROKER_LOG", "off");
  for (const char* name : {"AGENT_RELAY_WORKSPACE_KEY", "RELAY_WORKSPACE_KEY", "RELAY_API_KEY"}) {
    environment_.set(name, fleet.key());
  }
  fs::create_directories(fleet.temp / "published");
}

void Published::start() {
  os::Command command({*published_broker(), "init", "--instance-name", "peer", "--channels",
                       "general", "--persist"},
                      environment_);
  command.working_directory = fleet_.temp / "published";
  program_ = std::make_unique<RunningProgram>(std::move(command));
  const std::string words = "API listening on ";
  program_->wait_for(words, kPeerPatience);
  program_->wait_for("\n");
  const std::string& out = program_->out();
  const auto begin = out.find(words) + words.size();
  api_ = port_of(out.substr(begin, out.find_first_of(" \r\n", begin) - begin));
  wait_until([this] { return ask("GET", "/api/session").status == 200; }, "its session",
             kPeerPatience);
}

void Published::kill() {
  program_->signal(SIGKILL);
  for (const auto& agent : agents_) fleet_.end_all_with(fleet_.log_of(agent));
  agents_.clear();
  (void)program_->wait_end();
  program_.reset();
}

void Published::spawn(const std::string& agent) {
  (void)must(ask("POST", "/api/spawn",
                 fmt::format(R"({{"name":"{}","cli":"{}","args":["{}"],"channels":[],)"
                             R"("skipRelayPrompt":true}})",
                             agent, mark_reader(), fleet_.log_of(agent))),
             "spawn " + agent);
  agents_.push_back(agent);
  wait_until([&] { return fs::exists(fleet_.log_of(agent)); }, "the program of " + agent);
}

Reply Published::ask(const std::string& method, const std::string& target,
                     const std::string& body) const {
  std::vector<std::string> lines{"Host: 127.0.0.1:" + std::to_string(api_), "X-API-Key: br_test"};
  if (!body.empty()) lines.emplace_back("Content-Type: application/json");
  return http_ask(api_, method, target, lines, body);
}

}  // namespace relay::test
