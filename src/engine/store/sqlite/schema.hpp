// Internal to engine/: the tables, and how those of an older version become those of this one.
#pragma once

#include "base/result.hpp"
#include "storage/connection.hpp"

namespace relay::engine {

/// What this program writes; raised with each change of the tables.
inline constexpr int kEngineSchema = 6;

/// Brings the database up to this version, all of it or nothing. `conflict` when a newer
/// relay-broker wrote it. Within no transaction.
[[nodiscard]] Result<void> migrate(storage::Connection& db);

}  // namespace relay::engine
