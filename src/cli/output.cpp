#include "cli/output.hpp"

#include <cerrno>
#include <system_error>
#include <unistd.h>

namespace relay::cli {
namespace {
constexpr std::size_t kMostWaiting = 64 * 1024;
}

void Output::write(std::string_view text) {
  waiting_ += text;
  if (waiting_.size() > kMostWaiting) drain();
}

void Output::line(std::string_view text) {
  waiting_ += text;
  write("\n");
}

void Output::drain() {
  std::string_view rest = waiting_;
  while (!rest.empty() && error_ == 0) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  waiting_.clear();
}

Result<void> Output::flush() {
  drain();
  if (error_ == 0) return {};
  const std::error_code cause(error_, std::generic_category());
  return fail(error_ == ENOSPC ? Code::disk_full : Code::io_error,
              "cannot write the output: " + cause.message());
}

bool Output::reader_gone() const {
  return error_ == EPIPE;
}

}  // namespace relay::cli
