#include "cli/standard_input.hpp"

#include "cli/node_setup.hpp"
#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>

#include "os/errno_error.hpp"
#include "os/terminal.hpp"

namespace relay::cli {

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

}  // namespace relay::cli
