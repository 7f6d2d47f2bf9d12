#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace relay::token_cache {

/// One cached node token and what it is good for. On disk it is the JSON of agent-relay-broker
/// (`node_id`, `workspace_id`, `base_url`, `token`) with three fields more, which that ignores:
/// `node_name`, `directory` and `engine_database`.
class TokenFile {
 public:
  TokenFile() = default;

  std::string node_id;
  /// Empty when nobody told: a token that an operator issued, or one that agent-relay-broker
  /// cached ("ws_unknown").
  std::string workspace_id;
  /// Empty in old files of agent-relay-broker.
  std::string engine;
  Secret token;
  /// What the engine calls the node; empty when unknown.
  std::string node_name;
  /// The directory that was enrolled; empty when unknown.
  std::string directory;
  /// The database of the engine, where that is one that this program runs; else empty.
  std::string engine_database;
};

/// Nothing when the text is not such a document or lacks an id or a token: a damaged cache counts
/// as none.
[[nodiscard]] std::optional<TokenFile> parse_token_file(std::string_view text);

/// The text of the file; ends with a newline. The caller wipes it.
[[nodiscard]] std::string token_file_text(const TokenFile& file);

/// "<node id>.json", with '_' for what is not a letter, digit, '_' or '-': the name that
/// agent-relay-broker uses.
[[nodiscard]] std::string token_file_name(std::string_view node_id);

/// Whether a cached token may be used for this node. The ids must be the same; an engine that one
/// side does not know fits any. An unknown workspace in the file fits none.
[[nodiscard]] bool fits(const TokenFile& file, std::string_view node_id,
                        std::string_view workspace_id, std::string_view engine);

}  // namespace relay::token_cache
