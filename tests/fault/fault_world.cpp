#include "fault/fault_world.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "base/text.hpp"
#include "support/bytes_of.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/keeper_world.hpp"
#include "support/unix_socket.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

std::string of_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

}  // namespace

FaultWorld::FaultWorld() : engine(std::make_unique<FakeEngineThread>()) {
  std::filesystem::create_directory(directory);
  environment.set("RELAY_BROKER_WORKSPACE_KEY", FakeState::kWorkspaceKey);
  environment.set("RELAY_BROKER_ENGINE", engine->url());
}

FaultWorld::~FaultWorld() {
  broker.reset();
  const std::string mark = temp.path().string();
  for (const pid_t pid : alive_with(mark)) ::kill(pid, SIGTERM);
  if (wait_none(mark).empty()) return;
  for (const pid_t pid : alive_with(mark)) ::kill(pid, SIGKILL);
}

os::Command FaultWorld::command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words{of_environment("FAULTS_BINARY")};
  words.insert(words.end(), arguments.begin(), arguments.end());
  os::Command made(std::move(words), environment);
  made.working_directory = directory;
  return made;
}

RunResult FaultWorld::run(const std::vector<std::string>& arguments) const {
  return run_program(command(arguments));
}

std::string FaultWorld::ask(std::vector<std::string> arguments, std::string_view pointer) const {
  arguments.emplace_back("--json");
  const RunResult result = run(arguments);
  const auto document = wire::JsonDocument::parse(result.out, wire::kEngineLimits);
  if (!document) throw std::runtime_error("no JSON: " + result.out + result.err);
  const auto value = document->root().at(pointer);
  return value ? std::string(value->string().value_or(value->json().text())) : "absent";
}

void FaultWorld::serve(const std::vector<std::string>& more) {
  std::vector<std::string> words{"serve"};
  words.insert(words.end(), more.begin(), more.end());
  broker = std::make_unique<RunningProgram>(command(words));
  broker->wait_for("ready");
}

os::ExitStatus FaultWorld::end(int signal_number) {
  broker->signal(signal_number);
  return broker->wait_end();
}

void FaultWorld::spawn(const std::string& name, const std::string& way, const std::string& as) {
  const std::filesystem::path program = temp / as;
  if (!std::filesystem::exists(program)) {
    std::filesystem::create_symlink(of_environment("FAULT_PROGRAM"), program);
  }
  const std::string file = (temp / (name + ".inputs")).string();
  const RunResult made = run({"spawn", "--name", name, program.string(), "--", way, file});
  if (made.status.as_shell() != 0) throw std::runtime_error("spawn: " + made.err);
}

std::vector<std::string> FaultWorld::inputs(const std::string& name) const {
  std::vector<std::string> out;
  const std::string all = bytes_of(temp / (name + ".inputs"));
  for (const std::string_view input : split(all, '\x1e')) out.emplace_back(input);
  // Behind the last separator there is nothing.
  out.pop_back();
  return out;
}

std::vector<std::string> FaultWorld::inputs_with(const std::string& name,
                                                 std::string_view text) const {
  auto out = inputs(name);
  std::erase_if(out, [text](const auto& input) { return input.find(text) == std::string::npos; });
  return out;
}

std::vector<Monotonic> FaultWorld::input_times(const std::string& name) const {
  std::vector<Monotonic> out;
  std::istringstream file(bytes_of(temp / (name + ".inputs.times")));
  for (std::int64_t time = 0; file >> time;) {
    out.emplace_back(std::chrono::nanoseconds(time));
  }
  return out;
}

pid_t FaultWorld::pid_of(const std::string& name) const {
  const auto found = alive_with((temp / (name + ".inputs")).string());
  return found.size() == 1 ? found.front() : 0;
}

void FaultWorld::dm(const std::string& to, const std::string& text) {
  engine->call([&](FakeEngine& e) {
    e.dm("bob", to, text);
    return 0;
  });
}

std::uint64_t FaultWorld::acked(const std::string& name) {
  return engine->call([&](FakeEngine& e) { return e.state().agent(name).acked_seq; });
}

std::uint64_t FaultWorld::last_number(const std::string& name) {
  return engine->call([&](FakeEngine& e) { return e.state().agent(name).last_seq; });
}

std::vector<std::pair<Monotonic, std::uint64_t>> FaultWorld::acks(const std::string& name) {
  return engine->call([&](FakeEngine& e) {
    std::vector<std::pair<Monotonic, std::uint64_t>> out;
    for (const Record& ack : e.frames_of("delivery.ack")) {
      if (ack.string("/agent") != name) continue;
      out.emplace_back(ack.at, std::stoull(ack.json("/up_to_seq")));
    }
    return out;
  });
}

std::string FaultWorld::lose_result_of_release(const std::string& node, const std::string& name) {
  const std::string input = R"({"name":")" + name + R"("})";
  const std::string id = engine->call([&](FakeEngine& e) {
    e.incoming("action.result", FrameScript::drop());
    return e.invoke(node, "release", input);
  });
  engine->next_note("dropped action.result");
  // Seen on its way, and not by the engine.
  (void)engine->next_frame("action.result");
  // Asked again the next broker would find the same answer: it has to tell by itself.
  engine->call([](FakeEngine& e) {
    e.outgoing("action.invoke", FrameScript::drop(), kAlways);
    return 0;
  });
  return id;
}

std::string FaultWorld::next_result() {
  const Record result = engine->next_frame("action.result");
  return result.string("/invocation_id") + " " + result.json("/output");
}

std::vector<Duration> FaultWorld::ack_times(const std::string& name) {
  return engine->call([&](FakeEngine& e) {
    const auto acks = e.frames_of("delivery.ack");
    std::vector<Duration> out;
    for (const Record& sent : e.sent_of("deliver")) {
      if (sent.string("/agent") != name) continue;
      const auto seq = std::stoull(sent.json("/seq"));
      const auto ack = std::find_if(acks.begin(), acks.end(), [&](const Record& each) {
        return each.string("/agent") == name && std::stoull(each.json("/up_to_seq")) >= seq;
      });
      if (ack != acks.end()) out.push_back(ack->at - sent.at);
    }
    std::sort(out.begin(), out.end());
    return out;
  });
}

Duration FaultWorld::last_gap() {
  return engine->call([](FakeEngine& e) {
    const auto gone = e.transcript().all(Record::Kind::note, "node gone");
    const auto connected = e.transcript().all(Record::Kind::note, "node connected");
    if (gone.empty() || connected.empty()) return Duration::zero();
    return std::max<Duration>(connected.back().at - gone.back().at, Duration::zero());
  });
}

void FaultWorld::settle() {
  engine->settle();
}

void FaultWorld::forget() {
  engine->call([](FakeEngine& e) {
    e.transcript().forget();
    return 0;
  });
}

os::Fd send_to_socket(const std::string& path, const std::string& request) {
  os::Fd socket = connect_to(path);
  const auto size = static_cast<ssize_t>(request.size());
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != size) {
    throw std::runtime_error("nobody takes a request at " + path);
  }
  return socket;
}

std::string ask_socket(const std::string& path, const std::string& request) {
  const os::Fd socket = send_to_socket(path, request);
  std::string answer;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(socket.get(), piece, sizeof piece)) > 0;) {
    answer.append(piece, static_cast<std::size_t>(got));
  }
  return answer;
}

std::uint64_t cpu_ticks(pid_t pid) {
  const std::string text = bytes_of(fmt::format("/proc/{}/stat", pid));
  // Behind the name, which may hold anything.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  return user + system;
}

std::uint64_t resident_kib(pid_t pid) {
  std::istringstream fields(bytes_of(fmt::format("/proc/{}/statm", pid)));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  fields >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

std::uint64_t written_by(pid_t pid) {
  std::istringstream fields(bytes_of(fmt::format("/proc/{}/io", pid)));
  std::string name;
  for (std::uint64_t value = 0; fields >> name >> value;) {
    if (name == "wchar:") return value;
  }
  return 0;
}

double busy_for(pid_t pid, Duration time) {
  const std::uint64_t before = cpu_ticks(pid);
  std::this_thread::sleep_for(time);
  const auto ticks = static_cast<double>(cpu_ticks(pid) - before);
  return 100 * ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) / seconds(time);
}

double milliseconds(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

double median(std::vector<Duration> times) {
  std::sort(times.begin(), times.end());
  return milliseconds(times.at(times.size() / 2));
}

double p99(std::vector<Duration> times) {
  std::sort(times.begin(), times.end());
  return milliseconds(times.at(times.size() * 99 / 100));
}

double worst(const std::vector<Duration>& times) {
  return milliseconds(*std::max_element(times.begin(), times.end()));
}

}  // namespace relay::test
