#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <sys/types.h>
#include <system_error>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/terminal.hpp"
#include "pty/injection/injection_types.hpp"

namespace relay::pty {

/// Our end of a program's terminal, without blocking. It keeps the other end open too: so the end
/// of a program is never mistaken for the end of its output, and the terminal can be asked what the
/// program has not read yet. On the loop thread; at most one wait for reading and one for writing
/// at a time.
class PtyMaster {
 public:
  [[nodiscard]] static Result<PtyMaster> take(asio::any_io_executor executor, os::Fd master);
  PtyMaster(PtyMaster&&) noexcept;
  PtyMaster& operator=(PtyMaster&&) noexcept;
  ~PtyMaster();

  /// What has been printed, at most 4 KiB at a time; 0 when there is nothing now or ever again.
  [[nodiscard]] std::size_t read(std::span<char> into);
  /// How much the terminal took; 0 when it is full. An error when it is gone.
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes);
  asio::awaitable<std::error_code> wait_readable();
  asio::awaitable<std::error_code> wait_writable();

  /// The program gets SIGWINCH if the size is another one.
  Result<void> resize(os::WindowSize size);
  [[nodiscard]] TerminalMode mode() const;
  /// Whether there is input that the program has not read. The kernel's queues are flushed for the
  /// answer: what was written before counts.
  [[nodiscard]] bool unread() const;
  /// The process group in front; 0 for none.
  [[nodiscard]] pid_t group_in_front() const;
  /// The program's end, for an InputWatch.
  [[nodiscard]] int other_end() const;

 private:
  struct Impl;
  explicit PtyMaster(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::pty
