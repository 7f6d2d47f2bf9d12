#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::cli {

/// Standard output of a command: results only. Collected and written in one go by `flush`, or
/// earlier when more than 64 KiB wait; a write error stays until `flush` returns it.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view text);
  void line(std::string_view text);

  /// Everything is at the reader, or the error: disk full, I/O error.
  Result<void> flush();
  /// The reader has gone (EPIPE), as `| head` does: not an error to report.
  [[nodiscard]] bool reader_gone() const;

 private:
  void drain();

  int fd_;
  std::string waiting_;
  int error_ = 0;
};

}  // namespace relay::cli
