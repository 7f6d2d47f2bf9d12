#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "token_cache/resolver.hpp"
#include "token_cache/token_store.hpp"

namespace relay::cli {

/// A cached token as credentials.
[[nodiscard]] token_cache::NodeCredentials credentials_of(const token_cache::CacheEntry& entry);

/// `{node_id,node_name,workspace_id,engine,token_path,minted}`; null for what nobody knows.
[[nodiscard]] std::string enrolment_json(const token_cache::NodeCredentials& node, bool minted);
/// The same for people, in one line.
[[nodiscard]] std::string enrolment_text(const token_cache::NodeCredentials& node, bool minted);

/// One cached token: an object with node_id, node_name, workspace_id, engine, directory, path,
/// age_seconds, mode, of_peer, token (masked unless `reveal`) and problem; null for what is
/// unknown.
[[nodiscard]] std::string entry_json(const token_cache::CacheEntry& entry, Wall now, bool reveal);
/// `{"tokens":[…]}`
[[nodiscard]] std::string entries_json(const std::vector<token_cache::CacheEntry>& entries,
                                       Wall now, bool reveal);

/// A table with a heading; "no cached tokens" when there are none.
[[nodiscard]] std::string entries_table(const std::vector<token_cache::CacheEntry>& entries,
                                        Wall now, bool reveal);
/// Every field on its own line.
[[nodiscard]] std::string entry_text(const token_cache::CacheEntry& entry, Wall now, bool reveal);

}  // namespace relay::cli
