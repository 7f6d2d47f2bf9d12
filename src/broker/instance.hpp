#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "os/files.hpp"
#include "os/paths.hpp"

namespace relay::broker {

/// The places of one broker: its lock, sockets and files. A directory has one broker unless it is
/// told otherwise.
class Instance {
 public:
  /// By name, as `os::check_instance_name` allows it.
  Instance(const os::UserPaths& paths, std::string name);
  /// The same, with another runtime directory than the surroundings say.
  Instance(const os::UserPaths& paths, std::string name, os::Path runtime);

  std::string name;
  os::Path state;
  os::Path runtime;
  /// As `os::socket_path` gives them: they fit into a socket's address.
  os::Path api_socket;
  os::Path keeper_socket;

  [[nodiscard]] os::Path lock() const { return state / "broker.lock"; }
  [[nodiscard]] os::Path journal() const { return state / "journal.db"; }
  [[nodiscard]] os::Path connection() const { return runtime / "connection.json"; }

  /// Makes the directories, private.
  [[nodiscard]] Result<void> make(os::Files& files) const;
};

/// What connection.json says: where a broker's API is, and with which key.
class ApiConnection {
 public:
  ApiConnection() = default;

  std::string url;
  std::uint16_t port = 0;
  Secret key;
  pid_t pid = 0;
  /// The socket that needs no key.
  std::string socket;
  std::string instance;
};

/// Writes it, 0600.
[[nodiscard]] Result<void> keep_api_connection(os::Files& files, const os::Path& path,
                                               const ApiConnection& connection);
/// `not_found`, `unsafe_file`, or `invalid_json` for what nobody wrote as a whole.
[[nodiscard]] Result<ApiConnection> read_api_connection(os::Files& files, const os::Path& path);

/// The process that a lock's note names; nothing for another text.
[[nodiscard]] std::optional<pid_t> pid_of_note(std::string_view text);

}  // namespace relay::broker
