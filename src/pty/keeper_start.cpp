#include "pty/keeper_start.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/duration.hpp"
#include "base/text.hpp"
#include "net/timeout.hpp"
#include "os/errno_error.hpp"
#include "os/posix_processes.hpp"

namespace relay::pty {
namespace {

/// A keeper needs no variable; those that sanitizers and a moved libc need are passed on.
os::Environment environment_of_keeper() {
  os::Environment out;
  const auto ours = os::Environment::of_process();
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS",
                           "UBSAN_OPTIONS", "TSAN_OPTIONS", "GCOV_PREFIX"}) {
    if (auto value = ours.get(name)) out.set(name, *value);
  }
  return out;
}

/// Returns when the process has ended.
asio::awaitable<Result<os::ExitStatus>> ended(os::Process* process) {
  const int copy = ::fcntl(process->ended_fd(), F_DUPFD_CLOEXEC, 3);
  if (copy < 0) co_return fail(os::errno_error(errno, "cannot wait for the keeper's start"));
  asio::posix::stream_descriptor watched(co_await asio::this_coro::executor, copy);
  for (;;) {
    auto status = process->poll();
    if (!status) co_return fail(std::move(status).error());
    if (*status) co_return **status;
    std::error_code error;
    co_await watched.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return fail(Code::cancelled, error.message());
  }
}

Error told(int fd, os::ExitStatus status) {
  std::array<char, 4096> text{};
  const ssize_t got = ::read(fd, text.data(), text.size());
  const auto lines =
      split(std::string_view(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0), '\n');
  const auto code = lines.size() >= 3 ? code_named(lines[0]) : std::nullopt;
  if (!code) return {Code::spawn_failed, "the keeper did not start: " + status.text()};
  return {*code, std::string(lines[1]), std::string(lines[2])};
}

}  // namespace

asio::awaitable<Result<void>> start_keeper(KeeperPlace place, Duration at_most) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    co_return fail(os::errno_error(errno, "cannot make a pipe"));
  }
  const os::Fd reading(ends[0]);
  os::Fd writing(ends[1]);
  std::vector<std::string> argv;
  argv.emplace_back("relay-broker");
  argv.emplace_back("keeper");
  argv.emplace_back("--directory");
  argv.push_back(place.directory.string());
  argv.emplace_back("--socket");
  argv.push_back(place.socket.string());
  argv.emplace_back("--orphan-grace");
  argv.push_back(format_duration(place.orphan_grace));
  os::Command command(std::move(argv), environment_of_keeper());
  command.program = place.program.string();
  command.output = writing.get();
  auto process = os::PosixProcesses().start(command);
  if (!process) co_return fail(std::move(process).error());
  writing.reset();
  auto end = ended(process->get());
  auto status = co_await net::with_timeout(std::move(end), at_most, "starting the keeper");
  if (!status) {
    (void)(*process)->signal(SIGKILL);
    (void)(*process)->wait(std::chrono::seconds(1));
    co_return fail(std::move(status).error());
  }
  if (!status->success()) co_return fail(told(reading.get(), *status));
  co_return Result<void>();
}

}  // namespace relay::pty
