// dtach and tmux, which hold programs in terminals for people who come and go.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <poll.h>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include "bench/pty_parts.hpp"
#include "os/fd.hpp"
#include "pty/keeper/process_table.hpp"
#include "support/bytes_of.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kMostWaitMs = 180'000;

/// A holder of its own: its sockets stand in a directory that dies with it, and so does whatever
/// was started from there.
class Holder {
 public:
  explicit Holder(std::string_view name)
      : tmux_(name == kTmux), program_(program_in_path(name)), socket_(temp_ / "tmp" / "socket") {}
  ~Holder() {
    for (const pid_t pid : processes()) ::kill(pid, SIGTERM);
    // Their programs are hung up on by the kernel.
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  /// Starts a shell command that nobody is attached to.
  void start(const std::string& command) {
    std::vector<std::string> argv{program_};
    if (tmux_) {
      for (const char* word : {"-f", "/dev/null", "-S"}) argv.emplace_back(word);
      argv.push_back(socket_.string());
      for (const char* word : {"new-session", "-d", "-x", "120", "-y", "40"})
        argv.emplace_back(word);
      argv.push_back("exec " + command);
    } else {
      argv.emplace_back("-n");
      argv.push_back(fmt::format("{}{}", socket_.string(), ++last_));
      for (const char* word : {"/bin/sh", "-c"}) argv.emplace_back(word);
      argv.push_back("exec " + command);
    }
    os::Command order(std::move(argv), temp_.environment());
    order.working_directory = temp_.path();
    const auto result = test::run_program(std::move(order));
    if (!result.status.success()) throw std::runtime_error(program_ + ": " + result.err);
  }
  /// The holder's own: their words have the socket's path, those of the programs have not.
  [[nodiscard]] std::vector<pid_t> processes() const {
    std::vector<pid_t> found;
    pty::keeper::for_each_pid([&](pid_t pid) {
      const std::string words = test::bytes_of(fmt::format("/proc/{}/cmdline", pid));
      if (words.find(socket_.string()) != std::string::npos) found.push_back(pid);
    });
    return found;
  }
  [[nodiscard]] double memory() const {
    double kib = 0;
    for (const pid_t pid : processes()) kib += memory_of(pid);
    return kib;
  }
  /// Each has one thread.
  [[nodiscard]] double processor_seconds() const {
    double nanoseconds = 0;
    for (const pid_t pid : processes()) {
      double each = 0;
      std::ifstream(fmt::format("/proc/{}/schedstat", pid)) >> each;
      nanoseconds += each;
    }
    return nanoseconds / 1e9;
  }
  [[nodiscard]] const test::TempDir& temp() const { return temp_; }

 private:
  test::TempDir temp_;
  bool tmux_;
  std::string program_;
  os::Path socket_;
  int last_ = 0;
};

}  // namespace

Drained holder_drain(std::string_view name, const std::string& file) {
  Holder holder(name);
  // Opened for both, so that it has an end only when the command says so.
  const os::Path pipe = holder.temp() / "tmp" / "done";
  ::mkfifo(pipe.c_str(), 0600);
  const os::Fd done(::open(pipe.c_str(), O_RDWR | O_CLOEXEC));
  const auto start = SteadyClock::now();
  // It stays, and so does its holder, which is asked then what it has used.
  holder.start(fmt::format("sh -c 'cat \"{}\"; echo > \"{}\"; exec cat'", file, pipe.string()));
  pollfd waiting{done.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kMostWaitMs) != 1) {
    throw std::runtime_error(std::string(name) + ": no end");
  }
  const std::chrono::duration<double> took = SteadyClock::now() - start;
  return {took.count(), holder.processor_seconds()};
}

double holder_idle_memory(std::string_view name, int count) {
  // The commands that asked have gone then, and the programs have been started.
  const auto settle = [] { std::this_thread::sleep_for(std::chrono::milliseconds(500)); };
  Holder holder(name);
  // The first one brings what is needed once.
  holder.start("cat");
  settle();
  const double first = holder.memory();
  for (int i = 0; i < count; ++i) holder.start("cat");
  settle();
  return (holder.memory() - first) / count;
}

}  // namespace relay::bench
