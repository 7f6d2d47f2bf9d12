#include "cli/standard_input.hpp"

#include "cli/node_setup.hpp"
#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>

#include "base/printable.hpp"
#include "os/errno_error.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

constexpr std::size_t kMostTask = std::size_t{1} << 20;

}  // namespace

Result<std::string> read_standard_input(std::size_t most, std::string_view what) {
  if (os::is_terminal(STDIN_FILENO)) {
    note(fmt::format("{} is read from this terminal; Ctrl-D on a line of its own ends it", what));
  }
  std::string text;
  std::string buffer(std::size_t{64} << 10U, '\0');
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(os::errno_error(errno, fmt::format("cannot read {} from standard input", what)));
    }
    if (got == 0) return text;
    text.append(buffer, 0, static_cast<std::size_t>(got));
    if (text.size() > most) {
      return fail(Code::too_large, fmt::format("{} has at most {} bytes", what, most),
                  "put it into a file and name its path in a shorter text");
    }
  }
}

Result<std::string> read_task(const std::string& given) {
  if (given.empty() || (given != "-" && given.front() != '@')) return given;
  os::SystemRandom random;
  os::PosixFiles files(random);
  auto task = given == "-" ? read_standard_input(kMostTask, "the task")
                           : files.read(given.substr(1), kMostTask);
  if (!task || task->find_first_not_of(" \t\r\n") != std::string::npos) return task;
  return fail(Code::invalid_argument,
              fmt::format("--task {}: there is nothing in it", printable(given)),
              "leave it out, or give it a text");
}

}  // namespace relay::cli
