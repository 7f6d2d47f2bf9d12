#pragma once

#include "cli/serve_settings.hpp"
#include <utility>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/files.hpp"

namespace relay::cli {

/// What a broker in the background does when it is ready: its standard output and error leave the
/// terminal, and who started it returns.
class Background {
 public:
  Background() = default;
  explicit Background(os::Fd ready) : ready_(std::move(ready)) {}

  /// From now on standard error is the file `log`, or nothing when that cannot be had: that is the
  /// error. Does nothing in the foreground, and the second time.
  [[nodiscard]] Result<void> leave_terminal(os::Files& files, const os::Path& log);

  /// Before something is written to standard error: a log that has grown long becomes the old one,
  /// of which there is one. Does nothing before `leave_terminal`.
  void rotate(os::Files& files);

 private:
  [[nodiscard]] Result<void> open_log(os::Files& files);

  os::Fd ready_;
  /// Empty before the terminal is left.
  os::Path log_;
};

/// `serve --background`: runs it in a process and session of its own, and returns when that is
/// ready, or has failed: then `context.status` is its status, and it has said why. A signal ends it
/// before it is ready.
[[nodiscard]] Result<void> run_in_background(Context& context, const ServeOptions& options);

}  // namespace relay::cli
