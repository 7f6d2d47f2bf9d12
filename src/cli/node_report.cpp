#include "cli/node_report.hpp"

#include "cli/table.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <string_view>

#include "base/duration.hpp"
#include "base/json_writer.hpp"
#include "base/printable.hpp"

namespace relay::cli {
namespace {

using token_cache::CacheEntry;
using token_cache::NodeCredentials;

void optional_field(JsonWriter& json, std::string_view name, const std::string& value) {
  json.key(name);
  if (value.empty()) {
    json.null();
  } else {
    json.value(value);
  }
}

std::int64_t age_seconds(const CacheEntry& entry, Wall now) {
  // A clock that was set back makes nothing younger than now.
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - entry.changed);
  return std::max<std::int64_t>(age.count(), 0);
}

std::string age_of(const CacheEntry& entry, Wall now) {
  return age_text(age_seconds(entry, now));
}

std::string token_text(const CacheEntry& entry, bool reveal) {
  return reveal ? entry.file->token.reveal() : entry.file->token.masked();
}

void write_entry(JsonWriter& json, const CacheEntry& entry, Wall now, bool reveal) {
  const token_cache::TokenFile none;
  const token_cache::TokenFile& file = entry.file ? *entry.file : none;
  json.begin_object();
  optional_field(json, "node_id", file.node_id);
  optional_field(json, "node_name", file.node_name);
  optional_field(json, "workspace_id", file.workspace_id);
  optional_field(json, "engine", file.engine);
  optional_field(json, "directory", file.directory);
  json.field("path", entry.path.string());
  json.field("age_seconds", age_seconds(entry, now));
  json.field("mode", fmt::format("{:04o}", entry.mode));
  json.field("of_peer", entry.of_peer);
  optional_field(json, "token", entry.file ? token_text(entry, reveal) : "");
  optional_field(json, "problem", entry.problem);
  json.end_object();
}

std::string shown(const std::string& text) {
  return text.empty() ? "-" : printable(text);
}

std::vector<std::string> row_of(const CacheEntry& entry, Wall now, bool reveal) {
  const std::string mode = fmt::format("{:04o}", entry.mode);
  if (!entry.file) {
    return {printable(entry.path.filename().string()),
            "-",
            "-",
            "-",
            age_of(entry, now),
            mode,
            printable(entry.problem)};
  }
  return {shown(entry.file->node_name), shown(entry.file->directory), shown(entry.file->engine),
          shown(entry.file->node_id),   age_of(entry, now),           mode,
          token_text(entry, reveal)};
}

}  // namespace

NodeCredentials credentials_of(const CacheEntry& entry) {
  NodeCredentials node;
  node.node_id = entry.file->node_id;
  node.node_name = entry.file->node_name;
  node.workspace_id = entry.file->workspace_id;
  node.engine = entry.file->engine;
  node.token = entry.file->token;
  node.token_path = entry.path;
  return node;
}

std::string enrolment_json(const NodeCredentials& node, bool minted) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("node_id", node.node_id);
  optional_field(json, "node_name", node.node_name);
  optional_field(json, "workspace_id", node.workspace_id);
  optional_field(json, "engine", node.engine);
  json.field("token_path", node.token_path.string());
  json.field("minted", minted);
  json.end_object();
  json.finish();
  return text;
}

std::string enrolment_text(const NodeCredentials& node, bool minted) {
  return fmt::format("{} node {} ({}) of {}, token in {}",
                     minted ? "enrolled" : "already enrolled:", shown(node.node_name),
                     shown(node.node_id), shown(node.engine), printable(node.token_path.string()));
}

std::string entry_json(const CacheEntry& entry, Wall now, bool reveal) {
  std::string text;
  JsonWriter json(text);
  write_entry(json, entry, now, reveal);
  json.finish();
  return text;
}

std::string entries_json(const std::vector<CacheEntry>& entries, Wall now, bool reveal) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("tokens");
  json.begin_array();
  for (const CacheEntry& entry : entries) write_entry(json, entry, now, reveal);
  json.end_array();
  json.end_object();
  json.finish();
  return text;
}

std::string entries_table(const std::vector<CacheEntry>& entries, Wall now, bool reveal) {
  if (entries.empty()) return "no cached tokens\n";
  std::vector<std::vector<std::string>> rows{
      {"NAME", "DIRECTORY", "ENGINE", "NODE", "AGE", "MODE", "TOKEN"}};
  for (const auto& entry : entries) rows.push_back(row_of(entry, now, reveal));
  return table_text(rows);
}

std::string entry_text(const CacheEntry& entry, Wall now, bool reveal) {
  const token_cache::TokenFile& file = *entry.file;
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<11}{}\n", name, value);
  };
  add("node", shown(file.node_id));
  add("name", shown(file.node_name));
  add("workspace", shown(file.workspace_id));
  add("engine", shown(file.engine));
  add("directory", shown(file.directory));
  add("file", printable(entry.path.string()));
  add("age", age_of(entry, now));
  add("mode", fmt::format("{:04o}", entry.mode));
  add("token", token_text(entry, reveal));
  return text;
}

}  // namespace relay::cli
