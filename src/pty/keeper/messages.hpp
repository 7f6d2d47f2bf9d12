#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace relay::pty::keeper {

/// What broker and keeper say to each other. `kType` is the number on the wire and never changes;
/// `fields` is the order there. A session is known by its generation, which the broker invents.

inline constexpr std::uint32_t kProtocolVersion = 1;

/// How a leader ended: `value` is its exit status, or the signal.
struct Ended {
  bool by_signal = false;
  std::int32_t value = 0;
  friend bool operator==(const Ended&, const Ended&) = default;
  auto fields() { return std::tie(by_signal, value); }
};

/// The first word of a broker. Whoever says it last is the broker.
struct Hello {
  static constexpr std::uint8_t kType = 1;
  std::uint32_t version = kProtocolVersion;
  /// How long the agents live without a broker.
  std::uint64_t orphan_grace_ms = 0;
  auto fields() { return std::tie(version, orphan_grace_ms); }
};

struct Spawn {
  static constexpr std::uint8_t kType = 2;
  std::uint32_t request = 0;
  std::string generation;
  std::string agent;
  /// A name to look up in the PATH of `environment`, or a path.
  std::string program;
  std::vector<std::string> argv;
  /// "NAME=value"; nothing is added but the two marks (marks.hpp).
  std::vector<std::string> environment;
  std::string cwd;
  std::uint32_t columns = 0;
  std::uint32_t rows = 0;
  auto fields() {
    return std::tie(request, generation, agent, program, argv, environment, cwd, columns, rows);
  }
};

/// SIGTERM to the whole tree, SIGKILL to what is left after the grace. Answered by `Gone`.
struct Kill {
  static constexpr std::uint8_t kType = 3;
  std::string generation;
  std::uint64_t grace_ms = 0;
  auto fields() { return std::tie(generation, grace_ms); }
};

/// The broker has resized the terminal; the keeper only remembers it.
struct Resize {
  static constexpr std::uint8_t kType = 4;
  std::string generation;
  std::uint32_t columns = 0;
  std::uint32_t rows = 0;
  auto fields() { return std::tie(generation, columns, rows); }
};

/// The broker needs to hear of this session no more: until it says so, it is told of its end on
/// every hello. Living ones are kept until they are gone.
struct Forget {
  static constexpr std::uint8_t kType = 5;
  std::string generation;
  auto fields() { return std::tie(generation); }
};

/// Answered by `Listing`, also before a hello: whoever only asks does not become the broker.
struct List {
  static constexpr std::uint8_t kType = 6;
  std::uint32_t request = 0;
  auto fields() { return std::tie(request); }
};

/// End every agent, then yourself.
struct Shutdown {
  static constexpr std::uint8_t kType = 7;
  std::uint64_t grace_ms = 0;
  auto fields() { return std::tie(grace_ms); }
};

using Request = std::variant<Hello, Spawn, Kill, Resize, Forget, List, Shutdown>;

struct Welcome {
  static constexpr std::uint8_t kType = 101;
  std::uint32_t version = kProtocolVersion;
  std::int32_t pid = 0;
  /// How many `Held` follow at once.
  std::uint32_t sessions = 0;
  auto fields() { return std::tie(version, pid, sessions); }
};

/// What the keeper knows of a session.
struct SessionFacts {
  std::string generation;
  std::string agent;
  std::int32_t pid = 0;
  std::uint32_t columns = 0;
  std::uint32_t rows = 0;
  /// Unix time.
  std::uint64_t started_ms = 0;
  /// The leader's end, once it has ended.
  std::vector<Ended> ended;
  /// Nothing of its tree is left.
  bool gone = false;
  friend bool operator==(const SessionFacts&, const SessionFacts&) = default;
  auto fields() { return std::tie(generation, agent, pid, columns, rows, started_ms, ended, gone); }
};

/// One session for a new broker; its master comes with it.
struct Held {
  static constexpr std::uint8_t kType = 102;
  SessionFacts facts;
  auto fields() { return std::tie(facts); }
};

/// The program runs; the master comes with it.
struct Spawned {
  static constexpr std::uint8_t kType = 103;
  std::uint32_t request = 0;
  std::int32_t pid = 0;
  std::uint64_t started_ms = 0;
  auto fields() { return std::tie(request, pid, started_ms); }
};

/// A spawn that left nothing behind. `code` is a name of base/error.cpp.
struct Refused {
  static constexpr std::uint8_t kType = 104;
  std::uint32_t request = 0;
  std::string code;
  std::string message;
  std::string hint;
  auto fields() { return std::tie(request, code, message, hint); }
};

/// The leader has ended. The rest of its tree is being ended from now on.
struct Exited {
  static constexpr std::uint8_t kType = 105;
  std::string generation;
  Ended how;
  auto fields() { return std::tie(generation, how); }
};

/// Nothing of the tree is left. Also the answer to a `Kill` of a session that is not known.
struct Gone {
  static constexpr std::uint8_t kType = 106;
  std::string generation;
  auto fields() { return std::tie(generation); }
};

struct Listing {
  static constexpr std::uint8_t kType = 107;
  std::uint32_t request = 0;
  std::vector<SessionFacts> sessions;
  auto fields() { return std::tie(request, sessions); }
};

/// Another broker has taken over; the connection is closed.
struct Replaced {
  static constexpr std::uint8_t kType = 108;
  auto fields() { return std::tie(); }
};

/// The keeper ends; no agent is left.
struct Bye {
  static constexpr std::uint8_t kType = 109;
  auto fields() { return std::tie(); }
};

/// Why the connection is closed: something was said that nobody understands.
struct Problem {
  static constexpr std::uint8_t kType = 110;
  std::string message;
  auto fields() { return std::tie(message); }
};

/// Something a person should know and the keeper cannot mend at once. Said to every broker that
/// comes, behind what the keeper holds, as long as it is so.
struct Warning {
  static constexpr std::uint8_t kType = 111;
  std::string message;
  std::string hint;
  auto fields() { return std::tie(message, hint); }
};

using Report = std::variant<Welcome, Held, Spawned, Refused, Exited, Gone, Listing, Replaced, Bye,
                            Problem, Warning>;

/// Whether a descriptor comes with a report.
[[nodiscard]] inline bool carries_master(const Report& report) {
  return std::holds_alternative<Held>(report) || std::holds_alternative<Spawned>(report);
}

}  // namespace relay::pty::keeper
