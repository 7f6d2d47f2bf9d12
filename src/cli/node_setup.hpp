#pragma once

#include "cli/command.hpp"
#include "cli/run_loop.hpp"
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/redaction.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "os/paths.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "token_cache/engine_access.hpp"
#include "token_cache/resolver.hpp"
#include "token_cache/token_store.hpp"

namespace relay::cli {

/// Where the peer goes when nobody says where.
inline constexpr const char* kPeerEngine = "https://cast.agentrelay.com";

/// The options that say who talks to which engine, as they were typed.
struct EngineOptions {
  std::string engine;
  std::string workspace_key;
};

/// Whether a text can be an engine's address.
[[nodiscard]] Result<void> check_engine(const std::string& url);

/// Adds --engine and --workspace-key.
void add_engine_options(Command& command, EngineOptions& options);

/// What `enroll` and `token` work with: the real disk, the surroundings of the process and the
/// token cache of its user.
class NodeSetup {
 public:
  [[nodiscard]] static Result<std::unique_ptr<NodeSetup>> of_process();

  /// --engine, else RELAY_BROKER_ENGINE, RELAYCAST_BASE_URL or RELAY_BASE_URL; empty when none is
  /// set. In the form that tokens are scoped by.
  [[nodiscard]] Result<std::string> engine(const EngineOptions& options) const;

  /// --workspace-key, else RELAY_BROKER_WORKSPACE_KEY, AGENT_RELAY_WORKSPACE_KEY,
  /// RELAY_WORKSPACE_KEY or RELAY_API_KEY, else the key that `enroll --create-workspace` kept for
  /// `workspace_id`. Has to begin with rk_.
  [[nodiscard]] Result<std::optional<Secret>> workspace_key(const EngineOptions& options,
                                                            std::string_view workspace_id);

  /// A node token by --node-token, else RELAY_BROKER_NODE_TOKEN or RELAY_NODE_TOKEN.
  [[nodiscard]] Result<std::optional<Secret>> node_token(std::string_view argument);
  /// By --node-id, else RELAY_BROKER_NODE_ID or RELAY_NODE_ID.
  [[nodiscard]] Result<std::optional<std::string>> node_id(const std::string& argument) const;
  /// By --name, else made from the host and the directory.
  [[nodiscard]] Result<std::string> node_name(const std::string& argument) const;

  /// The cached tokens of this directory, or of the named node. At least one: else `not_enrolled`
  /// or `token_not_found`.
  [[nodiscard]] Result<std::vector<token_cache::CacheEntry>> entries(const std::string& node_id,
                                                                     const std::string& engine);
  /// As `entries`, but exactly one; several are `invalid_argument`.
  [[nodiscard]] Result<token_cache::CacheEntry> entry(const std::string& node_id,
                                                      const std::string& engine);

  /// Keeps the key of a workspace that we made: nobody else has it.
  [[nodiscard]] Result<os::Path> keep_workspace_key(const std::string& workspace_id,
                                                    const Secret& key);

  using EngineWork = std::function<asio::awaitable<Result<void>>(
      token_cache::EngineAccess*, token_cache::Resolver*, Progress*)>;
  /// Runs work that asks an engine.
  [[nodiscard]] Result<void> with_engine(Context& context, const EngineWork& work);

  [[nodiscard]] token_cache::TokenStore& store() { return store_; }
  [[nodiscard]] const token_cache::CachePlaces& places() const { return places_; }
  [[nodiscard]] const os::Path& directory() const { return surroundings_.working_directory; }

 private:
  NodeSetup(os::Surroundings surroundings, token_cache::CachePlaces places);

  [[nodiscard]] std::optional<std::string> first_of(
      const std::vector<std::string_view>& variables) const;
  [[nodiscard]] Result<std::optional<Secret>> secret(
      std::string_view argument, std::string_view option,
      const std::vector<std::string_view>& variables);
  asio::awaitable<Result<void>> ask(asio::any_io_executor executor, Progress* progress,
                                    const EngineWork* work);
  [[nodiscard]] os::Path key_path(std::string_view workspace_id) const;

  os::Surroundings surroundings_;
  token_cache::CachePlaces places_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  token_cache::TokenStore store_;
  Redactor redactor_;
};

/// "note: …" on standard error, without secrets.
void note(std::string_view text);

}  // namespace relay::cli
