#include "os/fake_processes.hpp"

#include <csignal>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <utility>

#include "os/fd.hpp"

namespace relay::os {

struct FakeProcesses::Child {
  Child(pid_t pid_in, const Command& command_in, bool dies)
      : pid(pid_in), command(command_in), dies_of_signals(dies), event(::eventfd(0, EFD_CLOEXEC)) {}

  void end(ExitStatus status) {
    if (ended) return;
    ended = status;
    ::eventfd_write(event.get(), 1);
  }

  bool signal(int number) {
    if (ended) return false;
    signals.push_back(number);
    const bool deadly = number == SIGTERM || number == SIGINT || number == SIGHUP;
    if (number == SIGKILL || (deadly && dies_of_signals)) end(ExitStatus::signalled(number));
    return true;
  }

  pid_t pid;
  Command command;
  bool dies_of_signals;
  Fd event;
  std::vector<int> signals;
  std::optional<ExitStatus> ended;
};

namespace {

/// Above every pid of Linux, so that a mistake cannot hit a real process.
constexpr pid_t kFirstPid = 5'000'000;

class FakeProcess final : public Process {
 public:
  explicit FakeProcess(std::shared_ptr<FakeProcesses::Child> child) : child_(std::move(child)) {}

  [[nodiscard]] pid_t pid() const override { return child_->pid; }
  [[nodiscard]] int ended_fd() const override { return child_->event.get(); }
  Result<std::optional<ExitStatus>> poll() override { return child_->ended; }
  Result<ExitStatus> wait(Duration) override {
    if (child_->ended) return *child_->ended;
    return fail(Code::timeout, fmt::format("process {} has not ended", child_->pid));
  }
  Result<bool> signal(int number) override { return child_->signal(number); }
  Result<bool> signal_group(int number) override { return child_->signal(number); }

 private:
  std::shared_ptr<FakeProcesses::Child> child_;
};

}  // namespace

FakeProcesses::FakeProcesses() = default;
FakeProcesses::~FakeProcesses() = default;

Result<std::unique_ptr<Process>> FakeProcesses::start(const Command& command) {
  if (next_failure_) return fail(*std::exchange(next_failure_, std::nullopt));
  const auto pid = kFirstPid + static_cast<pid_t>(children_.size());
  children_.push_back(std::make_shared<Child>(pid, command, dies_of_signals_));
  return std::unique_ptr<Process>(std::make_unique<FakeProcess>(children_.back()));
}

void FakeProcesses::fail_next(Error error) {
  next_failure_ = std::move(error);
}

const Command& FakeProcesses::command(std::size_t n) const {
  return children_.at(n)->command;
}

const std::vector<int>& FakeProcesses::signals(std::size_t n) const {
  return children_.at(n)->signals;
}

bool FakeProcesses::running(std::size_t n) const {
  return !children_.at(n)->ended;
}

void FakeProcesses::end(std::size_t n, ExitStatus status) {
  children_.at(n)->end(status);
}

}  // namespace relay::os
