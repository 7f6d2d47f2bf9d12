#include "support/run_binary.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "os/posix_processes.hpp"
#include "os/signals.hpp"

namespace relay::test {
namespace {

/// A program that prints more than this is broken.
constexpr std::size_t kMostOutput = 64 << 20;

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe");
    }
    reading = os::Fd(ends[0]);
    writing = os::Fd(ends[1]);
  }
  os::Fd reading;
  os::Fd writing;
};

/// Takes what is there; closes the descriptor at the end.
void drain(os::Fd& fd, std::string& into) {
  std::array<char, 16 * 1024> piece{};
  const ssize_t n = ::read(fd.get(), piece.data(), piece.size());
  if (n > 0) into.append(piece.data(), static_cast<std::size_t>(n));
  if (n == 0) fd.reset();
  if (into.size() > kMostOutput) throw std::runtime_error("the program prints without end");
}

}  // namespace

os::Path relay_broker() {
  const auto path = os::Environment::of_process().get("RELAY_BROKER_BINARY");
  if (!path) throw std::runtime_error("RELAY_BROKER_BINARY is not set; run this with meson test");
  return *path;
}

RunningProgram::RunningProgram(os::Command command, std::string input) : input_(std::move(input)) {
  Pipe in;
  Pipe out;
  Pipe err;
  command.input = in.reading.get();
  command.output = out.writing.get();
  command.error = err.writing.get();
  command.new_session = true;
  auto started = os::PosixProcesses().start(command);
  if (!started) throw std::runtime_error(started.error().message);
  process_ = std::move(*started);
  in_fd_ = std::move(in.writing);
  out_fd_ = std::move(out.reading);
  err_fd_ = std::move(err.reading);
  ::fcntl(in_fd_.get(), F_SETFL, O_NONBLOCK);
}

RunningProgram::~RunningProgram() {
  (void)process_->signal_group(SIGKILL);
  (void)process_->wait(kPatience);
}

void RunningProgram::wait_for(std::string_view text, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  for (;;) {
    const std::size_t at = out_.find(text, matched_);
    if (at != std::string::npos) {
      matched_ = at + text.size();
      return;
    }
    if (!out_fd_) give_up(fmt::format("it ended without printing '{}'", text));
    if (!pump(deadline)) give_up(fmt::format("it has not printed '{}'", text));
  }
}

void RunningProgram::wait_for_err(std::string_view text, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (err_.find(text) == std::string::npos) {
    if (!err_fd_) give_up(fmt::format("it ended without saying '{}'", text));
    if (!pump(deadline)) give_up(fmt::format("it has not said '{}'", text));
  }
}

os::ExitStatus RunningProgram::wait_end(Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (out_fd_ || err_fd_) {
    if (!pump(deadline)) give_up("it has not ended");
  }
  auto status = process_->wait(deadline - SystemClock().now());
  if (!status) give_up(status.error().message);
  return *status;
}

void RunningProgram::signal(int number) {
  const auto sent = process_->signal(number);
  if (!sent) throw std::runtime_error(sent.error().message);
}

void RunningProgram::freeze() {
  signal(SIGSTOP);
  siginfo_t seen{};
  // Nobody can refuse this signal. An end is left for who collects it.
  while (::waitid(P_PID, static_cast<id_t>(pid()), &seen, WSTOPPED | WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitid");
  }
}

bool RunningProgram::pump(Monotonic deadline) {
  if (input_.empty()) in_fd_.reset();
  // A closed descriptor is -1, which poll leaves out.
  std::array<pollfd, 3> waiting{pollfd{in_fd_.get(), POLLOUT, 0}, pollfd{out_fd_.get(), POLLIN, 0},
                                pollfd{err_fd_.get(), POLLIN, 0}};
  const Duration left = deadline - SystemClock().now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  if (ms <= 0 || ::poll(waiting.data(), waiting.size(), static_cast<int>(ms)) == 0) return false;
  if (waiting[0].revents != 0) feed();
  if (waiting[1].revents != 0) drain(out_fd_, out_);
  if (waiting[2].revents != 0) drain(err_fd_, err_);
  return true;
}

void RunningProgram::feed() {
  const os::IgnoredSignal no_sigpipe(SIGPIPE);
  const ssize_t n = ::write(in_fd_.get(), input_.data(), input_.size());
  if (n > 0) input_.erase(0, static_cast<std::size_t>(n));
  // A program may end without reading all of its input.
  if (n < 0 && errno == EPIPE) input_.clear();
}

void RunningProgram::give_up(std::string_view why) const {
  throw std::runtime_error(fmt::format("{}\nstdout: {}\nstderr: {}", why,
                                       printable(out_, Lines::many), printable(err_, Lines::many)));
}

RunResult run_program(os::Command command, std::string input, Duration at_most) {
  RunningProgram program(std::move(command), std::move(input));
  const os::ExitStatus status = program.wait_end(at_most);
  return {status, program.out(), program.err()};
}

RunResult run_binary(const std::vector<std::string>& arguments, const os::Environment& environment,
                     std::string input, Duration at_most) {
  return run_program(binary_command(arguments, environment), std::move(input), at_most);
}

os::Command binary_command(const std::vector<std::string>& arguments,
                           const os::Environment& environment) {
  std::vector<std::string> argv{relay_broker().string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return {std::move(argv), environment};
}

}  // namespace relay::test
