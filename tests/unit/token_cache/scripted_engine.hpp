#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "net/timeout.hpp"
#include "token_cache/engine_access.hpp"

namespace relay::token_cache {

/// An engine in memory that keeps one good token per node and does what a test says. Calls are
/// recorded as "mint node_1", "verify nt_live_1", …
class ScriptedEngine final : public EngineAccess {
 public:
  asio::awaitable<Result<WorkspaceAccess>> workspace(std::string, Secret key) override {
    calls.push_back("workspace");
    if (failure) co_return fail(*failure);
    WorkspaceAccess access;
    access.id = workspace_id;
    access.key = std::move(key);
    co_return access;
  }

  asio::awaitable<Result<WorkspaceAccess>> create_workspace(std::string, std::string) override {
    co_return fail(Code::internal_error, "not scripted");
  }

  asio::awaitable<Result<std::optional<std::string>>> node_named(std::string, Secret,
                                                                 std::string name) override {
    calls.push_back("named " + name);
    const auto found = names.find(name);
    if (found == names.end()) co_return std::optional<std::string>();
    co_return std::optional(found->second);
  }

  asio::awaitable<MintAnswer> mint(std::string, Secret, MintRequest request) override {
    calls.push_back("mint " + request.node_id);
    if (before_mint) before_mint();
    co_await net::pause(std::chrono::milliseconds(mint_takes));
    if (mint_failure && !mint_done_all_the_same) {
      co_return MintAnswer(fail(*mint_failure), mint_maybe);
    }
    MintedNode node;
    node.node_id = answers_for.empty() ? request.node_id : answers_for;
    node.node_name = request.node_name;
    node.token = Secret("nt_live_" + std::to_string(++minted));
    good[node.node_id] = node.token.reveal();
    names[node.node_name] = node.node_id;
    if (mint_failure) co_return MintAnswer(fail(*mint_failure), mint_maybe);
    co_return MintAnswer(std::move(node), false);
  }

  asio::awaitable<Result<bool>> verify(std::string, Secret token) override {
    calls.push_back("verify " + token.reveal());
    if (failure) co_return fail(*failure);
    for (const auto& [node, text] : good) {
      if (text == token.reveal()) co_return true;
    }
    co_return false;
  }

  [[nodiscard]] std::size_t count(std::string_view prefix) const {
    std::size_t n = 0;
    for (const auto& call : calls) n += call.starts_with(prefix) ? 1 : 0;
    return n;
  }

  std::vector<std::string> calls;
  std::string workspace_id = "ws_1";
  std::optional<Error> failure;
  std::optional<Error> mint_failure;
  /// Whether the failed mint may have been done, and whether it was.
  bool mint_maybe = true;
  bool mint_done_all_the_same = false;
  std::string answers_for;
  int mint_takes = 0;
  int minted = 0;
  std::function<void()> before_mint;
  std::map<std::string, std::string> good;
  std::map<std::string, std::string> names;
};

}  // namespace relay::token_cache
