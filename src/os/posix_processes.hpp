#pragma once

#include "os/processes.hpp"

namespace relay::os {

/// Real children, by posix_spawn (its cost does not grow with our memory) and pidfds. Nothing else
/// in the program may wait for "any child", and SIGCHLD may not be ignored.
class PosixProcesses final : public Processes {
 public:
  Result<std::unique_ptr<Process>> start(const Command& command) override;
};

}  // namespace relay::os
