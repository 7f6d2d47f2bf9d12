#include "bench/broker_contender.hpp"

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <utility>

#include "net/task_group.hpp"
#include "pty/keeper/process_table.hpp"
#include "support/bytes_of.hpp"
#include "support/keeper_world.hpp"
#include "support/loop.hpp"

namespace relay::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kWithin = 5min;
/// Requests under way.
constexpr int kAtATime = 16;
/// The broker that runs, and its directory, which all that it starts has in its words.
std::mutex now_mutex;
pid_t broker_now = 0;
std::string directory_now;

void set_now(pid_t broker, std::string directory) {
  const std::lock_guard lock(now_mutex);
  broker_now = broker;
  directory_now = std::move(directory);
}

void end_contender_now() {
  const std::lock_guard lock(now_mutex);
  if (broker_now == 0) return;
  ::kill(broker_now, SIGKILL);
  // Those that were found may have started others before they died.
  for (auto found = test::alive_with(directory_now); !found.empty();
       found = test::alive_with(directory_now)) {
    for (const pid_t pid : found) ::kill(pid, SIGKILL);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_now, ignored);
}

constexpr const char* kReadMarks = "--read-marks";

/// Waits until `done`, looking again and again; throws with `what` when it never is.
template <class Done>
void wait_until(Done done, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + kWithin;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("never: " + what);
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

void end_contenders_by_signal() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int number = 0;
    ::sigwait(&signals, &number);
    end_contender_now();
    ::_exit(128 + number);
  }).detach();
}

Contender::Contender(std::string binary, std::string reader)
    : binary_(std::move(binary)),
      reader_(std::move(reader)),
      http_(io_.get_executor(), net::HttpClientOptions(), random_) {}

Contender::~Contender() {
  try {
    stop();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", binary_, error.what());
  }
}

net::HttpCall Contender::call_of(std::string method, const std::string& path,
                                 std::string body) const {
  net::HttpCall call(std::move(method), api_ + path);
  call.headers.set("X-API-Key", key_);
  if (!body.empty()) call.headers.set("Content-Type", "application/json");
  call.body = std::move(body);
  call.deadline = kWithin;
  return call;
}

net::HttpReply Contender::ask(std::string method, const std::string& path, std::string body) {
  auto work = http_.call(call_of(std::move(method), path, std::move(body)));
  auto reply = test::run(io_, std::move(work), kWithin);
  if (!reply) throw std::runtime_error(reply.error().message);
  return *std::move(reply);
}

void Contender::spawn_all(std::vector<std::string> agents) {
  std::vector<std::string> left = agents;
  net::TaskGroup group(io_.get_executor());
  for (int i = 0; i < kAtATime; ++i) group.spawn(spawn_some(&left));
  test::run(io_, group.join(), kWithin);
  if (!refused_.empty()) throw std::runtime_error(refused_);
  for (const auto& agent : agents)
    wait_until([&] { return began_at(log_of(agent)) > 0; }, "the program of " + agent);
}

asio::awaitable<void> Contender::spawn_some(std::vector<std::string>* left) {
  while (!left->empty()) {
    const std::string agent = std::move(left->back());
    left->pop_back();
    auto asking = http_.call(call_of("POST", "/api/spawn", spawn_body(agent)));
    const auto reply = co_await std::move(asking);
    if (!reply) {
      refused_ = reply.error().message;
    } else if (!reply->ok()) {
      refused_ = "spawn: " + reply->body;
    }
  }
}

double Contender::start() {
  std::filesystem::create_directory(temp_ / "project");
  os::Environment environment = temp_.environment();
  environment.set("RELAYCAST_BASE_URL", engine_.url());
  environment.set("RELAY_BROKER_API_KEY", key_);
  environment.set("AGENT_RELAY_TELEMETRY_DISABLED", "1");
  environment.set("DO_NOT_TRACK", "1");
  environment.set("AGENT_RELAY_BROKER_LOG", "off");
  for (const char* name : {"AGENT_RELAY_WORKSPACE_KEY", "RELAY_WORKSPACE_KEY", "RELAY_API_KEY"}) {
    environment.set(name, test::FakeState::kWorkspaceKey);
  }
  os::Command command(
      {binary_, "init", "--instance-name", "bench", "--channels", "general", "--persist"},
      environment);
  command.working_directory = temp_ / "project";
  const std::int64_t before = now_ns();
  program_ = std::make_unique<test::RunningProgram>(std::move(command));
  set_now(program_->pid(), temp_.path().string());
  const std::string words = "API listening on ";
  program_->wait_for(words);
  program_->wait_for("\n");
  const std::string& out = program_->out();
  const auto begin = out.find(words) + words.size();
  api_ = out.substr(begin, out.find_first_of(" \r\n", begin) - begin);
  wait_until([this] { return ask("GET", "/api/session", {}).ok(); }, "its session");
  (void)engine_.next_frame("node.register", kWithin);
  return static_cast<double>(now_ns() - before) / 1e6;
}

std::string Contender::log_of(const std::string& agent) const {
  return (temp_ / agent).string();
}

std::string Contender::spawn_body(const std::string& agent) const {
  return fmt::format(R"({{"name":"{}","cli":"{}","args":["{}","{}"],"channels":[],)"
                     R"("skipRelayPrompt":true}})",
                     agent, reader_, kReadMarks, log_of(agent));
}

double Contender::spawn(const std::string& agent) {
  const std::int64_t before = now_ns();
  const auto reply = ask("POST", "/api/spawn", spawn_body(agent));
  if (!reply.ok()) throw std::runtime_error("spawn: " + reply.body);
  wait_until([&] { return began_at(log_of(agent)) > 0; }, "the program of " + agent);
  return static_cast<double>(began_at(log_of(agent)) - before) / 1e6;
}

void Contender::stop() {
  if (!program_) return;
  // Nothing of its end is measured, for which one of the published brokers takes half a minute.
  end_contender_now();
  (void)program_->wait_end();
  set_now(0, {});
  program_.reset();
}

void Contender::send(const std::string& agent, std::size_t number) {
  engine_.call([&](test::FakeEngine& engine) {
    engine.dm("alice", agent, mark_of(number) + " the quick brown fox jumps over the lazy dog");
    return 0;
  });
}

std::vector<MarkRead> Contender::read_by(const std::string& agent, std::size_t count) {
  const std::string log = log_of(agent);
  std::vector<MarkRead> read;
  wait_until(
      [&] {
        read = marks_in(log);
        return read.size() >= count;
      },
      fmt::format("{} messages read by {}", count, agent));
  return read;
}

std::int64_t Contender::acknowledged(std::size_t count) {
  std::int64_t at = 0;
  for (; acks_ < count; ++acks_) {
    at = engine_.next_frame("delivery.ack", kWithin).at.time_since_epoch().count();
  }
  return at;
}

std::vector<pid_t> Contender::processes() const {
  std::vector<pid_t> found;
  pty::keeper::for_each_pid([&](pid_t pid) {
    const std::string directory = fmt::format("/proc/{}/", pid);
    if (test::bytes_of(directory + "environ").find(temp_.path().string()) == std::string::npos)
      return;
    if (test::bytes_of(directory + "cmdline").find(kReadMarks) == std::string::npos)
      found.push_back(pid);
  });
  // The peer's worker has the program's words in its own arguments.
  pty::keeper::for_each_pid([&](pid_t pid) {
    const std::string words = test::bytes_of(fmt::format("/proc/{}/cmdline", pid));
    const bool worker = words.starts_with(binary_) && words.find(kReadMarks) != std::string::npos &&
                        words.find(temp_.path().string()) != std::string::npos;
    if (worker) found.push_back(pid);
  });
  return found;
}

double Contender::memory() const {
  double kib = 0;
  for (const pid_t pid : processes()) {
    const std::string text = test::bytes_of(fmt::format("/proc/{}/smaps_rollup", pid));
    const auto at = text.find("\nPss_Anon:");
    if (at != std::string::npos) kib += std::strtod(text.c_str() + at + 10, nullptr);
  }
  return kib;
}

double Contender::processor_time() const {
  double nanoseconds = 0;
  for (const pid_t pid : processes()) {
    std::error_code gone;
    const std::filesystem::path tasks(fmt::format("/proc/{}/task", pid));
    for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
      nanoseconds += std::strtod(test::bytes_of(task.path() / "schedstat").c_str(), nullptr);
    }
  }
  return nanoseconds;
}

}  // namespace relay::bench
