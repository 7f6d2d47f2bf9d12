#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.hpp"
#include "mcp/tool_run.hpp"
#include "net/http_client.hpp"
#include "os/environment.hpp"
#include "os/files.hpp"
#include "os/system_random.hpp"

namespace relay::cli {

/// Where an agent finds its engine, and by what right it speaks there. From its environment, or
/// put together by whoever speaks for it.
class AgentAccess {
 public:
  AgentAccess() = default;
  [[nodiscard]] static AgentAccess from(const os::Environment& environment);

  /// Empty for none.
  std::string engine;
  std::string agent;
  /// The instance of the broker that has started it; empty when it was none of ours.
  std::string broker;
  /// Read for every call, because a broker may put another token there.
  os::Path token_file;
  /// In place of a file.
  Secret token;
  /// To register with; empty for none.
  Secret workspace_key;
  std::string result_url;
  Secret result_token;
  os::Environment environment;

  [[nodiscard]] bool has_identity() const { return !token_file.empty() || !token.empty(); }
};

/// Makes tool calls at the engine. The HTTP client is made with the first one, so that a server
/// that nobody asks costs nothing. On the loop thread.
class McpCaller {
 public:
  McpCaller(asio::any_io_executor executor, AgentAccess access);

  /// The result, whatever goes wrong. Within 40 s; a good cancellation point.
  asio::awaitable<mcp::ToolResult> make(mcp::ToolRun run);
  /// One request and its answer, of any status but a token's that was replaced meanwhile: that one
  /// is asked again with the new token. `request` outlives the call.
  asio::awaitable<Result<net::HttpReply>> ask(const mcp::EngineRequest* request);

  [[nodiscard]] const AgentAccess& access() const { return access_; }

 private:
  asio::awaitable<Result<net::HttpReply>> ask_with(const mcp::EngineRequest* request, Secret right,
                                                   std::string key);
  [[nodiscard]] Result<Secret> right_for(mcp::Credential credential);
  [[nodiscard]] mcp::ToolResult keep_identity(const net::HttpReply& reply);

  asio::any_io_executor executor_;
  AgentAccess access_;
  os::SystemRandom random_;
  std::unique_ptr<os::Files> files_;
  std::unique_ptr<net::HttpClient> client_;
};

}  // namespace relay::cli
