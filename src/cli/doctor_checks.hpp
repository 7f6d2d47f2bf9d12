#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/error.hpp"
#include "os/files.hpp"

namespace relay::cli {

/// What `doctor` looks at, gathered once. Empty and absent values are facts too: what is not there
/// is no fault by itself.
struct DoctorFacts {
  /// A file or directory that nobody else may use.
  struct Private {
    os::Path path;
    os::FileKind kind = os::FileKind::other;
    unsigned mode = 0;
    uid_t owner = 0;
  };

  /// One instance that has left something on this machine.
  struct Instance {
    std::string name;
    /// That of the directory that doctor was started in.
    bool here = false;
    os::Path lock;
    /// Who holds its lock, and who answers at its socket.
    std::optional<pid_t> lock_holder;
    std::optional<pid_t> api_owner;
    os::Path api_socket;
    /// It has the socket and says nothing: stopped, or stuck.
    bool silent = false;
    /// Of who answers: files it has open, and may have; address space that it may still take. 0:
    /// not known, or without a limit.
    std::uint64_t files_open = 0;
    std::uint64_t files_most = 0;
    std::uint64_t space_left = 0;
    /// Sockets in its directory that nobody listens at.
    std::vector<os::Path> dead_sockets;
    bool keeper_listens = false;
    /// The command that starts it again.
    std::string again;
    /// Programs that a keeper of it has started.
    std::vector<pid_t> programs;
    os::Path connection;
    /// The process that connection.json names; nothing without such a file.
    std::optional<pid_t> connection_pid;
    bool connection_damaged = false;
    /// What SQLite says about the journal: "ok", or what is wrong. Nothing without a journal.
    std::optional<std::string> journal;
    /// It was not read to its end; its broker has it for itself.
    bool journal_long = false;
    bool journal_in_use = false;
  };

  /// A cached token of the directory; never the token itself.
  struct Token {
    std::string node;
    std::string engine;
    std::string workspace;
    /// "nt", "at", "rk": what stands before its first underscore.
    std::string kind;
    std::string problem;
    /// What the engine says; nothing when it was not asked.
    std::optional<bool> accepted;
    bool mint_pending = false;
  };

  struct Engine {
    std::string url;
    /// It is one of our own, and no process runs it: then nobody is asked.
    bool idle = false;
    std::optional<Error> error;
    /// Our clock minus the engine's, in seconds.
    std::optional<std::int64_t> ahead;
  };

  struct Cli {
    std::string profile;
    std::string program;
    os::Path path;
  };

  struct Limits {
    std::uint64_t files = 0;
    std::uint64_t files_most = 0;
    /// The hard RLIMIT_RTTIME.
    std::uint64_t real_time = 0;
    /// Pseudo terminals; 0 for unknown.
    std::uint64_t terminals = 0;
    std::uint64_t terminals_most = 0;
  };

  struct Screen {
    bool is_terminal = false;
    std::string term;
    unsigned columns = 0;
    unsigned rows = 0;
    std::string locale;
  };

  struct Home {
    os::Path path;
    /// Nothing when it is not there.
    std::optional<uid_t> owner;
    /// Where we keep files, or would make a directory for them, and may not.
    std::vector<os::Path> closed;
  };

  uid_t user = 0;
  Home home;
  std::vector<Private> privates;
  std::vector<Instance> instances;
  std::vector<Token> tokens;
  std::optional<Error> token_error;
  Engine engine;
  /// The engines of our own that are known here, each in words; and those whose process is gone.
  std::vector<std::string> own_engines;
  std::vector<std::string> dead_engines;
  std::vector<Cli> clis;
  std::size_t profiles = 0;
  std::optional<Error> profile_error;
  /// The configuration file, if there is one.
  std::optional<Private> config;
  std::optional<Error> config_error;
  Limits limits;
  Screen screen;
  /// The control group that we may make groups in; empty when there is none.
  os::Path group;
  os::Path state;
  /// Nothing when the system does not tell.
  std::optional<std::uint64_t> free_bytes;
  std::optional<std::uint64_t> free_memory;
};

enum class Verdict { ok, warn, fail, skipped };
[[nodiscard]] std::string_view name_of(Verdict verdict);

/// What `--fix` may do without asking: nothing that somebody could miss.
struct Repair {
  enum class Kind { remove, restrict_mode };
  Kind kind = Kind::remove;
  os::Path path;
  /// The lock of the instance whose broker would make the file anew; empty for none. Held while it
  /// is removed.
  os::Path lock;
};

struct Finding {
  /// Stable: scripts may rely on it.
  std::string id;
  Verdict verdict = Verdict::ok;
  std::string what;
  /// What to do; empty when there is nothing.
  std::string mend;
  std::vector<Repair> repairs;
  /// `--fix` has done it.
  bool mended = false;
};

/// One finding for each check, always all of them, in their order. Pure.
[[nodiscard]] std::vector<Finding> examine(const DoctorFacts& facts);

/// Whether somebody listens at a path, from the text of /proc/net/unix.
[[nodiscard]] bool is_listening(std::string_view proc_net_unix, std::string_view path);

}  // namespace relay::cli
