#include "os/errno_error.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace relay::os {

std::string errno_text(int number) {
  return std::generic_category().message(number);
}

Error errno_error(int number, std::string what) {
  std::string message = std::move(what) + ": " + errno_text(number);
  switch (number) {
    case ENOENT:
    case ENOTDIR: return {Code::not_found, std::move(message)};
    case ENOSPC:
    case EDQUOT:
      return {Code::disk_full, std::move(message), "free some space there, then try again"};
    case EMFILE:
    case ENFILE:
      return {Code::io_error, std::move(message),
              "raise the limit of open files (ulimit -n, LimitNOFILE=), or run fewer agents"};
    default: return {Code::io_error, std::move(message)};
  }
}

}  // namespace relay::os
