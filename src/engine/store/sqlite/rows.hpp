// Internal to engine/: how values stand in the tables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/store/store.hpp"
#include "storage/connection.hpp"

namespace relay::engine::rows {

using storage::Connection;
using storage::Query;

[[nodiscard]] std::int64_t stamp(Wall time);
[[nodiscard]] std::optional<std::int64_t> stamp(const std::optional<Wall>& time);
[[nodiscard]] Wall time_at(const Query& row, int column);
[[nodiscard]] std::optional<Wall> maybe_time(const Query& row, int column);
[[nodiscard]] std::optional<std::string> maybe_text(const Query& row, int column);
/// NULL for an empty text.
[[nodiscard]] std::optional<std::string> or_null(const std::string& text);

[[nodiscard]] std::string to_json(const std::vector<std::string>& texts);
[[nodiscard]] std::vector<std::string> texts_of(const std::string& json);
[[nodiscard]] std::string to_json(const std::vector<NodeCapability>& capabilities);
[[nodiscard]] std::vector<NodeCapability> capabilities_of(const std::string& json);
[[nodiscard]] std::string ids_to_text(const std::vector<Id>& ids);
[[nodiscard]] std::vector<Id> ids_of(const std::string& text);

// One row as its query has it: the columns of the list, in their order.

inline constexpr const char* kAgent =
    "id,workspace,name,type,status,persona,metadata,capabilities,node,origin_node,session_ref,"
    "resumable,last_seen";
[[nodiscard]] Agent agent(const Query& row);

inline constexpr const char* kChannel =
    "id,workspace,kind,name,topic,metadata,created_by,archived,"
    "(SELECT count(*) FROM members WHERE channel=channels.id)";
[[nodiscard]] Channel channel(const Query& row);

/// Of `messages m JOIN channels c ON c.id=m.channel`.
inline constexpr const char* kMessage =
    "m.id,c.workspace,m.channel,m.author,m.author_name,m.thread,m.text,m.blocks,m.metadata,m.steer,"
    "m.attachments";
inline constexpr int kMessageColumns = 11;
[[nodiscard]] Message message(const Query& row);

inline constexpr const char* kDelivery =
    "agent,seq,message,status,reason,steer,node,attempts,expires,delivered,settled,available,note,"
    "retryable";
[[nodiscard]] Delivery delivery(const Query& row);

inline constexpr const char* kNode =
    "id,workspace,node_id,name,kind,role,adapter,delivery,capabilities,tags,version,max_agents,"
    "active_agents,reserved,load,online,handlers_live,heartbeat,CASE WHEN max_agents=0 THEN 0 ELSE "
    "(SELECT count(*) FROM agents WHERE agents.node=nodes.id AND agents.status<>4) END";
[[nodiscard]] Node node(const Query& row);

inline constexpr const char* kAction =
    "id,workspace,name,description,handler_agent,handler_node,input_schema,output_schema,"
    "available_to";
[[nodiscard]] Action action(const Query& row);

inline constexpr const char* kInvocation =
    "id,workspace,action,capability,caller,caller_name,input,output,error,state,handler_agent,"
    "target,node,dispatched,retry_after,completed,place_held,attempts,attempted,duration_ms";
[[nodiscard]] Invocation invocation(const Query& row);

/// All rows of a query.
template <class Read>
auto all(Query& query, Read read) {
  std::vector<decltype(read(query))> found;
  while (query.next()) found.push_back(read(query));
  return found;
}

/// The only row of a query, if it has one.
template <class Read>
auto first(Query& query, Read read) {
  std::optional<decltype(read(query))> found;
  if (query.next()) found = read(query);
  return found;
}

}  // namespace relay::engine::rows
