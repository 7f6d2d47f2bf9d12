#include "os/posix_processes.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "base/printable.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"

namespace relay::os {
namespace {

// glibc 2.36 declares these two for C only.
int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

int pidfd_send_signal(int pidfd, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0));
}

class SpawnActions {
 public:
  SpawnActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  void open(int as, const char* path, int flags) {
    check(::posix_spawn_file_actions_addopen(&actions_, as, path, flags, 0));
  }
  void dup(int from, int as) { check(::posix_spawn_file_actions_adddup2(&actions_, from, as)); }
  void close_from(int first) {
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, first));
  }
  void stand_in_front(int terminal) {
    check(::posix_spawn_file_actions_addtcsetpgrp_np(&actions_, terminal));
  }
  void change_directory(const char* path) {
    check(::posix_spawn_file_actions_addchdir_np(&actions_, path));
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  /// These fail only when memory is out or a number is no descriptor.
  static void check(int error) {
    if (error != 0) throw std::system_error(error, std::generic_category(), "posix_spawn");
  }
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  SpawnAttributes(bool new_session, bool new_group) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    // sigfillset leaves out the two signals that glibc keeps for itself, and then posix_spawn hands
    // them on as ignored.
    std::memset(&signals, 0xFF, sizeof signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (new_session) flags |= POSIX_SPAWN_SETSID;
    if (new_group) flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

class PosixProcess final : public Process {
 public:
  PosixProcess(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  [[nodiscard]] pid_t pid() const override { return pid_; }
  [[nodiscard]] int ended_fd() const override { return pidfd_.get(); }

  Result<std::optional<ExitStatus>> poll() override {
    if (ended_) return ended_;
    siginfo_t info{};
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0) {
      if (errno != EINTR) return fail(errno_error(errno, fmt::format("cannot wait for {}", pid_)));
    }
    if (info.si_pid == 0) return std::optional<ExitStatus>();
    ended_ = info.si_code == CLD_EXITED ? ExitStatus::exited(info.si_status)
                                        : ExitStatus::signalled(info.si_status);
    return ended_;
  }

  Result<ExitStatus> wait(Duration at_most) override {
    constexpr Duration kForEver = std::chrono::hours(24 * 365);
    const SystemClock clock;
    const Monotonic deadline = clock.now() + std::min(at_most, kForEver);
    for (;;) {
      auto status = poll();
      if (!status) return fail(std::move(status).error());
      if (*status) return **status;
      const Duration left = deadline - clock.now();
      if (left <= Duration::zero()) {
        return fail(Code::timeout, fmt::format("process {} has not ended", pid_));
      }
      pollfd waiting{pidfd_.get(), POLLIN, 0};
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      constexpr decltype(ms) kLongest = 1'000'000;
      if (::poll(&waiting, 1, static_cast<int>(std::min(ms, kLongest))) < 0 && errno != EINTR) {
        return fail(errno_error(errno, fmt::format("cannot wait for {}", pid_)));
      }
    }
  }

  Result<bool> signal(int number) override {
    if (pidfd_send_signal(pidfd_.get(), number) == 0) return true;
    if (errno == ESRCH) return false;
    return fail(errno_error(errno, fmt::format("cannot signal {}", pid_)));
  }

  Result<bool> signal_group(int number) override {
    // Until we have collected the child, its pid and so its group's id belong to nobody else.
    if (ended_) return false;
    if (::kill(-pid_, number) == 0) return true;
    if (errno == ESRCH) return false;
    return fail(errno_error(errno, fmt::format("cannot signal the group of {}", pid_)));
  }

 private:
  pid_t pid_;
  Fd pidfd_;
  std::optional<ExitStatus> ended_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Copies above every number that a child will use (one more for its terminal), so that putting one
/// in its place cannot overwrite another that is still to be placed.
Result<std::vector<Fd>> safe_copies(const Command& command) {
  std::vector<int> wanted{command.input, command.output, command.error};
  wanted.insert(wanted.end(), command.further.begin(), command.further.end());
  std::vector<Fd> copies;
  for (const int fd : wanted) {
    if (fd < 0) {
      copies.emplace_back();
      continue;
    }
    copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(wanted.size()) + 1));
    if (!copies.back()) return fail(errno_error(errno, fmt::format("cannot pass on {}", fd)));
  }
  return copies;
}

Error spawn_error(int error, const Path& program) {
  const std::string shown = printable(program.string());
  switch (error) {
    case ENOENT:
      return {Code::cli_not_executable,
              fmt::format("'{}' cannot be run: its interpreter is missing", shown),
              "look at its first line"};
    case ENOEXEC:
    case EACCES:
    case ELIBBAD:
      return {Code::cli_not_executable,
              fmt::format("'{}' cannot be run: {}", shown, errno_text(error))};
    default:
      return {Code::spawn_failed, fmt::format("cannot start '{}': {}", shown, errno_text(error))};
  }
}

}  // namespace

Result<std::unique_ptr<Process>> PosixProcesses::start(const Command& command) {
  if (command.argv.empty()) throw std::logic_error("Processes: a command without a program");
  const Path& directory = command.working_directory;
  // posix_spawn does not say which of its steps failed: what can be told apart is told before.
  if (!directory.empty() && ::access((directory / ".").c_str(), X_OK) != 0) {
    return fail(errno_error(errno, fmt::format("cannot use the working directory '{}'",
                                               printable(directory.string()))));
  }
  if (!command.terminal.empty() && ::access(command.terminal.c_str(), R_OK | W_OK) != 0) {
    return fail(Code::spawn_failed,
                fmt::format("cannot use the terminal '{}': {}",
                            printable(command.terminal.string()), errno_text(errno)));
  }
  auto program = find_program(command.program.empty() ? command.argv[0] : command.program,
                              command.environment.get("PATH").value_or(""), directory);
  if (!program) return fail(std::move(program).error());

  auto copies = safe_copies(command);
  if (!copies) return fail(std::move(copies).error());
  SpawnActions actions;
  // First, while no number has been given away.
  if (command.in_front_of >= 0) actions.stand_in_front(command.in_front_of);
  if (!command.terminal.empty()) {
    // Opened after setsid, so it becomes the controlling terminal, also of a child none of whose
    // descriptors it is: that one is closed again below.
    actions.open(static_cast<int>(copies->size()), command.terminal.c_str(), O_RDWR);
  }
  for (std::size_t i = 0; i < copies->size(); ++i) {
    const int as = static_cast<int>(i);
    if ((*copies)[i]) {
      actions.dup((*copies)[i].get(), as);
    } else if (as <= STDERR_FILENO && !command.terminal.empty()) {
      actions.open(as, command.terminal.c_str(), O_RDWR);
    } else {
      actions.open(as, "/dev/null", O_RDWR);
    }
  }
  actions.close_from(static_cast<int>(copies->size()));
  if (!directory.empty()) {
    actions.change_directory(directory.c_str());
    // From there a path that is relative to us leads elsewhere.
    std::error_code failed;
    program = std::filesystem::absolute(*program, failed);
  }
  const SpawnAttributes attributes(command.new_session || !command.terminal.empty(),
                                   command.in_front_of >= 0);
  std::vector<std::string> argv = command.argv;
  std::vector<std::string> environment = command.environment.entries();
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program->c_str(), actions.get(), attributes.get(),
                                  pointers(argv).data(), pointers(environment).data());
  if (error != 0) return fail(spawn_error(error, *program));
  Fd pidfd(pidfd_open(pid));
  if (!pidfd) {
    const int why = errno;
    // Without it nobody could ever wait for the child.
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(Code::spawn_failed, fmt::format("cannot watch '{}': {}",
                                                printable(program->string()), errno_text(why)));
  }
  return std::unique_ptr<Process>(std::make_unique<PosixProcess>(pid, std::move(pidfd)));
}

}  // namespace relay::os
