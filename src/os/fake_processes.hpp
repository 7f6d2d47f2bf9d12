#pragma once

#include <memory>
#include <vector>

#include "os/processes.hpp"

namespace relay::os {

/// Children that run nothing, for tests of what starts and ends them. Each lives until the test
/// ends it, or until a signal does: SIGKILL always, others if `dies_of_signals`.
class FakeProcesses final : public Processes {
 public:
  struct Child;

  FakeProcesses();
  ~FakeProcesses() override;

  Result<std::unique_ptr<Process>> start(const Command& command) override;

  /// The next start fails like this.
  void fail_next(Error error);
  /// Whether children that start from now on end by SIGTERM, SIGINT and SIGHUP. They do at first.
  void set_dies_of_signals(bool dies) { dies_of_signals_ = dies; }

  [[nodiscard]] std::size_t started() const { return children_.size(); }
  /// What the `n`th child (0 is the first) was started with, and which signals it was sent.
  [[nodiscard]] const Command& command(std::size_t n) const;
  [[nodiscard]] const std::vector<int>& signals(std::size_t n) const;
  [[nodiscard]] bool running(std::size_t n) const;
  /// The child ends by itself.
  void end(std::size_t n, ExitStatus status);

 private:
  /// Shared with the Process objects, which may outlive this and be outlived by it.
  std::vector<std::shared_ptr<Child>> children_;
  std::optional<Error> next_failure_;
  bool dies_of_signals_ = true;
};

}  // namespace relay::os
