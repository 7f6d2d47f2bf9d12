#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relay::bench {

/// A version of the published broker.
struct PeerBroker {
  /// As it is called in tables.
  std::string name;
  /// Its program, without symbolic links; empty when npm has not installed it.
  std::string binary;
};

[[nodiscard]] const PeerBroker& peer_9();
[[nodiscard]] const PeerBroker& peer_12();

/// Why a row of theirs is left out.
inline constexpr std::string_view kNoPeer = "not installed (./dev interop)";
inline constexpr std::string_view kNoTool = "not installed (apt-get install dtach tmux)";

/// A program of this machine, looked for in PATH; empty when there is none.
[[nodiscard]] std::string program_in_path(std::string_view name);

}  // namespace relay::bench
