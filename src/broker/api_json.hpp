// Internal to broker/: values as the local API spells them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json_writer.hpp"
#include "broker/agent_view.hpp"
#include "broker/api.hpp"

namespace relay::broker {

[[nodiscard]] std::string base64(std::string_view bytes);
/// "2026-01-01T00:00:00.000000000Z"
[[nodiscard]] std::string rfc3339(Wall when);
[[nodiscard]] std::int64_t milliseconds(Duration time);
[[nodiscard]] std::int64_t seconds(Duration time);

/// null for an empty text.
void text_or_null(JsonWriter& out, std::string_view key, std::string_view text);
void texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& items);

/// An agent in the peer's words, and behind them what it has no word for.
void write_agent(JsonWriter& out, const AgentView& agent);
/// The answer to a spawn that went well.
void write_spawned(JsonWriter& out, const SpawnedAgent& agent);
/// "memberships": the one workspace, or none.
void write_memberships(JsonWriter& out, const WorkspaceFacts* workspace);

}  // namespace relay::broker
