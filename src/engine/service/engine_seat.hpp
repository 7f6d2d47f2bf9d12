#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "engine/service/engine_home.hpp"

namespace relay::engine {

/// Which process of a user runs the engine they share, and where: decides after each try to run it
/// in this one. The database goes to one process at a time, so to try is to ask; then its port has
/// to be had. Pure: its owner runs the engine, waits and reads the engine's home.
class EngineSeat {
 public:
  /// Another process that has the database is about to say where it listens.
  static constexpr Duration kAddressWithin = std::chrono::seconds(10);
  static constexpr Duration kLookForAddress = std::chrono::milliseconds(20);
  /// Between two looks at whether that process is still there.
  static constexpr Duration kLookEvery = std::chrono::seconds(1);
  /// So long a port may still be taken by who had it before; after that it is somebody else's.
  static constexpr Duration kPortFreeWithin = std::chrono::seconds(5);
  static constexpr int kPortTries = 20;

  /// Run it at this port, after a pause.
  struct Run {
    Duration after{};
    std::uint16_t port = 0;
  };
  /// It is there; `moved` when it was at another address before.
  struct There {
    std::string url;
    std::uint16_t port = 0;
    bool here = false;
    bool moved = false;
  };
  using Action = std::variant<Run, There, Error>;

  /// `wanted` is a port that somebody has asked for; 0: where it was before, else any.
  EngineSeat(std::uint16_t wanted, Random& random) : wanted_(wanted), random_(random) {}

  /// The first try. `known` is the address in its home.
  [[nodiscard]] Run open(const std::optional<EngineAddress>& known, Monotonic now);
  /// It runs in another process: the next look at whether it still does.
  [[nodiscard]] Run watch() const;

  /// This process runs it.
  [[nodiscard]] There runs(const std::string& url, std::uint16_t port);
  /// It could not be run: `already_running` when `holder` has the database, `conflict` when the
  /// port is taken. `known` is the address in its home now. An error says that there is no engine
  /// to be had; only when it is opened.
  [[nodiscard]] Action failed(const Error& why, std::optional<pid_t> holder,
                              const std::optional<EngineAddress>& known, Monotonic now);

  /// What people are to know, said once.
  [[nodiscard]] std::optional<std::string> take_warning();

 private:
  [[nodiscard]] Action held(std::optional<pid_t> holder, const std::optional<EngineAddress>& known,
                            Monotonic now);
  [[nodiscard]] Action port_taken(const Error& why, Monotonic now);
  void warn(std::string text);
  [[nodiscard]] std::uint16_t any_port();

  std::uint16_t wanted_;
  Random& random_;
  /// The address is known and others rely on it.
  bool watching_ = false;
  std::string url_;
  std::uint16_t port_ = 0;
  Monotonic opened_;
  std::optional<Monotonic> taken_since_;
  int tries_ = 0;
  std::optional<std::string> warning_;
  std::string said_;
};

}  // namespace relay::engine
