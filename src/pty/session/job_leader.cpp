#include "pty/session/job_leader.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "os/errno_error.hpp"
#include "os/posix_processes.hpp"

namespace relay::pty {
namespace {

using namespace std::string_view_literals;

// One packet for each piece of news; its first byte says what it is.
constexpr char kStarted = 's';  // and the program's pid
constexpr char kRefused = 'r';  // and code, message and hint, NUL between them
constexpr char kStopped = 't';
constexpr char kExited = 'x';  // and the status
constexpr char kKilled = 'k';  // and the signal
/// More than an error with two paths in it.
constexpr std::size_t kMostPacket = std::size_t{16} << 10;

void tell(int to, std::string_view packet) {
  packet = packet.substr(0, kMostPacket);
  (void)::send(to, packet.data(), packet.size(), MSG_NOSIGNAL);
}

/// What a shell does about the signals of its terminal: none of them are for it. A hangup ends it.
void set_leader_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  for (const int number : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE}) {
    ::signal(number, SIG_IGN);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Keeps nothing of what we were given: a pipe has to end with the program.
void let_go_of_descriptors(int news) {
  const os::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing.get(), fd);
  if (news > STDERR_FILENO + 1) (void)::close_range(STDERR_FILENO + 1, news - 1, 0);
  (void)::close_range(static_cast<unsigned>(news) + 1, ~0U, 0);
}

void follow(pid_t program, int news) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(program), &info, WEXITED | WSTOPPED | WNOWAIT) != 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED) {
      // Taken, so that it is told once.
      siginfo_t taken{};
      ::waitid(P_PID, static_cast<id_t>(program), &taken, WSTOPPED | WNOHANG);
      tell(news, std::string(1, kStopped));
      continue;
    }
    const char how = info.si_code == CLD_EXITED ? kExited : kKilled;
    return tell(news, fmt::format("{}{}", how, info.si_status));
  }
}

void lead(os::Command command, const std::string& terminal, int news) {
  set_leader_signals();
  ::setsid();
  // The first terminal that a leader opens is its controlling one.
  const os::Fd slave(::open(terminal.c_str(), O_RDWR | O_CLOEXEC));
  if (!slave) {
    const Error error(Code::spawn_failed, "cannot open the terminal: " + os::errno_text(errno));
    return tell(news, fmt::format("{}{}\0{}\0"sv, kRefused, name_of(error.code), error.message));
  }
  for (int* fd : {&command.input, &command.output, &command.error}) {
    if (*fd < 0) *fd = slave.get();
  }
  command.in_front_of = slave.get();
  const auto started = os::PosixProcesses().start(command);
  if (!started) {
    const Error& error = started.error();
    return tell(news, fmt::format("{}{}\0{}\0{}"sv, kRefused, name_of(error.code), error.message,
                                  error.hint));
  }
  const pid_t program = (*started)->pid();
  tell(news, fmt::format("{}{}", kStarted, program));
  let_go_of_descriptors(news);
  follow(program, news);
}

/// The next packet; its length, 0 at the end, or an errno below zero.
int receive(int from, std::string& packet, int flags) {
  packet.resize(kMostPacket);
  ssize_t got = 0;
  do {
    got = ::recv(from, packet.data(), packet.size(), flags);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  packet.resize(static_cast<std::size_t>(got));
  return static_cast<int>(got);
}

int number_of(std::string_view packet) {
  int number = 0;
  std::from_chars(packet.data() + 1, packet.data() + packet.size(), number);
  return number;
}

Error refusal_of(std::string_view packet) {
  const auto parts = split(packet.substr(1), '\0');
  if (parts.size() != 3) return {Code::spawn_failed, "the leader of its session is confused"};
  return {code_named(parts[0]).value_or(Code::spawn_failed), std::string(parts[1]),
          std::string(parts[2])};
}

/// Holds all signals back while there are two of us with the same handlers.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Result<LedProgram> start_led(os::Command command, const std::string& terminal) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::spawn_failed, "cannot start a program: " + os::errno_text(errno));
  }
  LedProgram led;
  led.news = os::Fd(ends[0]);
  os::Fd theirs(ends[1]);
  {
    const NoSignals held;
    led.leader = ::fork();
    if (led.leader == 0) {
      // Nothing of what this process was may run its end.
      try {
        lead(std::move(command), terminal, theirs.get());
      } catch (const std::exception&) {
        // The other side sees an end without a word.
        ::_exit(1);
      }
      ::_exit(0);
    }
  }
  if (led.leader < 0) {
    return fail(Code::spawn_failed, "cannot start a program: " + os::errno_text(errno));
  }
  theirs.reset();
  std::string first;
  const int got = receive(led.news.get(), first, 0);
  if (got > 0 && first.front() == kStarted) {
    led.program = number_of(first);
    return led;
  }
  ::waitpid(led.leader, nullptr, 0);
  return fail(got > 0 ? refusal_of(first)
                      : Error(Code::spawn_failed, "the leader of its session was killed"));
}

Result<std::optional<LeaderNews>> read_news(const os::Fd& news) {
  std::string packet;
  const int got = receive(news.get(), packet, MSG_DONTWAIT);
  if (got == -EAGAIN) return std::optional<LeaderNews>();
  if (got < 0) return fail(os::errno_error(-got, "cannot hear of the program"));
  if (got == 0) {
    return fail(Code::internal_error, "the leader of the program's session was killed");
  }
  switch (packet.front()) {
    case kStopped: return std::optional<LeaderNews>(ProgramStopped{});
    case kExited: return std::optional<LeaderNews>(os::ExitStatus::exited(number_of(packet)));
    case kKilled: return std::optional<LeaderNews>(os::ExitStatus::signalled(number_of(packet)));
    default: return fail(Code::protocol_error, "the leader of the program's session is confused");
  }
}

}  // namespace relay::pty
