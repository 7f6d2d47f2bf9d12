#pragma once

#include <sys/resource.h>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "pty/keeper/family.hpp"
#include "pty/keeper/messages.hpp"

namespace relay::pty::keeper {

struct Child {
  os::Fd master;
  ProcessRow row;
};

/// Starts programs in terminals of their own. One per keeper.
class Spawner {
 public:
  /// `place` is what the keeper's variable says (marks.hpp).
  explicit Spawner(std::string place);

  /// The program runs when this returns: session leader with the terminal as its controlling one,
  /// with the size it was given, UTF-8 line editing, no blocked or ignored signal and no other
  /// descriptor. Wears `limit` for it. Errors: invalid_argument, cwd_missing, cli_not_found,
  /// cli_not_executable (with the path that was tried), spawn_failed; nothing is left behind.
  Result<Child> spawn(const Spawn& order, std::uint64_t limit);

 private:
  std::string place_;
  /// Descriptors: what children get, and what we need to hold a master for each.
  rlimit for_children_{};
  rlimit for_us_{};
};

}  // namespace relay::pty::keeper
