#include "os/secret_input.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <string>
#include <unistd.h>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/terminal.hpp"

namespace relay::os {
namespace {

Result<Secret> checked(std::string& text, std::string_view from) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  const bool inner = text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
  const bool empty = trim(text).empty();
  Secret secret(std::move(text));
  if (empty)
    return fail(Code::invalid_argument, fmt::format("{} holds no secret: it is empty", from));
  if (inner) {
    return fail(Code::invalid_argument,
                fmt::format("{} holds no secret: it has several lines", from),
                "write only the secret into it");
  }
  return secret;
}

enum class Until { end, line };

Result<Secret> read_secret(int fd, std::string_view from, Until until = Until::end) {
  // All of it at once, so that growing leaves no copy behind that nobody wipes.
  std::string text(kLongestSecret + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      wipe(text);
      return fail(errno_error(error, fmt::format("cannot read {}", from)));
    }
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
    if (until == Until::line && text[size - 1] == '\n') break;
  }
  if (size > kLongestSecret) {
    wipe(text);
    return fail(Code::too_large, fmt::format("{} holds no secret: it is larger than {}", from,
                                             human_bytes(kLongestSecret)));
  }
  text.resize(size);
  return checked(text, from);
}

/// A person types it: one line, which is not shown.
Result<Secret> ask_for_secret(int terminal, std::string_view option) {
  const auto hidden = RawMode::hide_typing(terminal);
  if (!hidden) return fail(hidden.error());
  // The system gives a terminal's line out at once; nothing else may be waiting for us.
  const std::string prompt = fmt::format("{} (not shown): ", option.substr(2));
  (void)!::write(STDERR_FILENO, prompt.data(), prompt.size());
  return read_secret(terminal, "what was typed", Until::line);
}

}  // namespace

Result<Secret> secret_from_argument(std::string_view argument, std::string_view option,
                                    std::string_view variable, int input) {
  if (argument == "-" && is_terminal(input)) return ask_for_secret(input, option);
  if (argument == "-") return read_secret(input, "standard input");
  if (argument.size() < 2 || argument.front() != '@') {
    return fail(Code::invalid_argument,
                fmt::format("{} takes no secret as it is: every user could read it", option),
                fmt::format("use {0} @FILE, {0} - (standard input), or the variable {1}", option,
                            variable));
  }
  const std::string path(argument.substr(1));
  const std::string shown = fmt::format("'{}'", printable(path));
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail(errno_error(errno, fmt::format("cannot open {}", shown)));
  return read_secret(file.get(), shown);
}

Result<Secret> secret_from_environment(const Environment& environment, std::string_view variable) {
  auto value = environment.get(variable);
  if (!value) return fail(Code::not_found, fmt::format("{} is not set", variable));
  return checked(*value, variable);
}

}  // namespace relay::os
