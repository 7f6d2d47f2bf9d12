#include "support/keeper_world.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <poll.h>
#include <set>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "pty/keeper/newcomers.hpp"
#include "pty/keeper/process_table.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) {
    throw std::runtime_error(
        fmt::format("{}: {} ({})", what, result.error().message, name_of(result.error().code)));
  }
  return *std::move(result);
}

std::string hostile_program() {
  const char* path = std::getenv("HOSTILE_PROGRAM");
  if (path == nullptr) throw std::runtime_error("HOSTILE_PROGRAM is not set");
  return path;
}

}  // namespace

std::vector<pid_t> alive_with(const std::string& token) {
  std::set<pid_t> found;
  const auto look = [&](pid_t pid) {
    if (pid == ::getpid()) return pty::keeper::Sight::nobody;
    const os::Fd file(::open(fmt::format("/proc/{}/cmdline", pid).c_str(), O_RDONLY | O_CLOEXEC));
    // The process may have gone meanwhile, also between the open and the read; the dead have none.
    std::array<char, 4096> text{};
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    const std::string_view words(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (words.find(token) == std::string_view::npos) return pty::keeper::Sight::nobody;
    found.insert(pid);
    return pty::keeper::Sight::alive;
  };
  const pty::keeper::PidCounter counter;
  const auto before = counter.last();
  pty::keeper::for_each_pid(look);
  // Those who live shorter than it takes to read the table.
  if (before && found.empty()) {
    pty::keeper::hunt(
        *before, [&] { return counter.last(); }, look,
        [&, until = SystemClock().now() + 50ms] {
          return !found.empty() || SystemClock().now() > until;
        });
  }
  return {found.begin(), found.end()};
}

std::vector<pid_t> wait_none(const std::string& token, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  int empty = 0;
  for (;;) {
    auto found = alive_with(token);
    empty = found.empty() ? empty + 1 : 0;
    if (empty == 2 || SystemClock().now() >= deadline) return found;
    std::this_thread::sleep_for(2ms);
  }
}

KeeperWorld::KeeperWorld() {
  static std::atomic<int> worlds{0};
  token_ = fmt::format("hostile-{}-{}-", ::getpid(), ++worlds);
}

KeeperWorld::~KeeperWorld() {
  try {
    if (client_) leave();
    const std::string directory = place().directory.string();
    for (const pid_t pid : alive_with(directory)) ::kill(pid, SIGTERM);
    if (!wait_none(directory).empty()) {
      for (const pid_t pid : alive_with(directory)) ::kill(pid, SIGKILL);
    }
    for (const pid_t pid : alive_with(token_)) ::kill(pid, SIGKILL);
  } catch (const std::exception&) {
    // Nothing cannot be done better here: the directory goes, and the keeper with its grace.
    client_.release();  // NOLINT(bugprone-unused-return-value): its tasks may not be destroyed.
  }
}

pty::KeeperPlace KeeperWorld::place() const {
  const auto directory = temp / "run";
  return {relay_broker(), directory, directory / "keeper.sock", orphan_grace};
}

void KeeperWorld::open() {
  if (client_) leave();
  auto work = pty::KeeperClient::open(io_.get_executor(), place(), kPatience);
  client_ = must(run(std::move(work)), "open");
}

void KeeperWorld::kill_both() {
  // Whichever died first would otherwise be seen by the other one, which has something to do then.
  const auto both = alive_with(place().directory.string());
  for (const pid_t pid : both) ::kill(pid, SIGSTOP);
  for (const pid_t pid : both) ::kill(pid, SIGKILL);
}

void KeeperWorld::leave() {
  run(client_->close());
  client_.reset();
}

std::string KeeperWorld::token_of(const std::string& generation) const {
  return token_ + generation + ".";
}

pty::SpawnOrder KeeperWorld::hostile(const std::string& generation,
                                     const std::vector<std::string>& ways) const {
  std::vector<std::string> argv{token_of(generation)};
  argv.insert(argv.end(), ways.begin(), ways.end());
  pty::SpawnOrder order(generation, "agent-" + generation, std::move(argv), temp.environment(),
                        temp.path());
  order.program = hostile_program();
  return order;
}

pty::SpawnOrder KeeperWorld::shell(const std::string& generation, const std::string& script) const {
  return {generation,
          "agent-" + generation,
          {"/bin/bash", "-c", script, token_of(generation)},
          temp.environment(),
          temp.path()};
}

pty::SpawnedSession KeeperWorld::spawn(pty::SpawnOrder order) {
  auto work = client_->spawn(std::move(order), kPatience);
  return must(run(std::move(work)), "spawn");
}

std::string KeeperWorld::read_until(int master, std::string_view text) {
  const Monotonic deadline = SystemClock().now() + kPatience;
  std::string all;
  while (all.find(text) == std::string::npos) {
    pollfd waiting{master, POLLIN, 0};
    if (SystemClock().now() > deadline) throw std::runtime_error("never came; there is: " + all);
    if (::poll(&waiting, 1, 100) <= 0) continue;
    char piece[4096];
    const ssize_t got = ::read(master, piece, sizeof piece);
    if (got <= 0) break;
    all.append(piece, static_cast<std::size_t>(got));
  }
  return all;
}

pty::KeeperEvent KeeperWorld::next() {
  auto work = client_->next_event(kPatience);
  return must(run(std::move(work)), "next_event");
}

os::ExitStatus KeeperWorld::wait_exited(const std::string& generation) {
  for (;;) {
    const auto event = next();
    const auto* exited = std::get_if<pty::SessionExited>(&event);
    if (exited != nullptr && exited->generation == generation) return exited->status;
  }
}

void KeeperWorld::wait_gone(const std::string& generation) {
  for (;;) {
    const auto event = next();
    const auto* gone = std::get_if<pty::SessionGone>(&event);
    if (gone != nullptr && gone->generation == generation) return;
  }
}

pty::KeeperWarning KeeperWorld::wait_warning() {
  for (;;) {
    const auto event = next();
    if (const auto* warning = std::get_if<pty::KeeperWarning>(&event)) return *warning;
  }
}

bool KeeperWorld::is_warned() {
  // Its answer comes behind the warning.
  auto list = client_->list(kPatience);
  must(run(std::move(list)), "list");
  auto event = client_->next_event(0ms);
  const auto first = run(std::move(event));
  return first && std::holds_alternative<pty::KeeperWarning>(*first);
}

Error KeeperWorld::wait_lost() {
  for (;;) {
    const auto event = next();
    if (const auto* lost = std::get_if<pty::KeeperLost>(&event)) return lost->why;
  }
}

}  // namespace relay::test
