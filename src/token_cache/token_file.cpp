#include "token_cache/token_file.hpp"

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "token_cache/places.hpp"
#include "wire/json.hpp"

namespace relay::token_cache {
namespace {

constexpr wire::JsonLimits kLimits{kCacheFileMost, 4};
/// What agent-relay-broker writes when the engine did not name the workspace.
constexpr std::string_view kPeerUnknown = "ws_unknown";

/// An absent or null text is empty; nothing for any other kind.
std::optional<std::string> text_field(wire::JsonView object, std::string_view name) {
  const auto value = object.find(name);
  if (!value || value->is_null()) return std::string();
  const auto text = value->string();
  if (!text) return std::nullopt;
  return std::string(trim(*text));
}

}  // namespace

std::optional<TokenFile> parse_token_file(std::string_view text) {
  const auto document = wire::JsonDocument::parse(text, kLimits);
  if (!document) return std::nullopt;
  const wire::JsonView root = document->root();
  auto node_id = text_field(root, "node_id");
  auto workspace = text_field(root, "workspace_id");
  auto engine = text_field(root, "base_url");
  auto token = text_field(root, "token");
  auto name = text_field(root, "node_name");
  auto directory = text_field(root, "directory");
  auto database = text_field(root, "engine_database");
  if (!node_id || !workspace || !engine || !token) return std::nullopt;
  if (!name || !directory || !database) return std::nullopt;
  if (node_id->empty() || token->empty()) return std::nullopt;
  TokenFile file;
  file.node_id = *std::move(node_id);
  file.workspace_id = *workspace == kPeerUnknown ? "" : *std::move(workspace);
  file.engine = *std::move(engine);
  while (file.engine.ends_with('/')) {
    file.engine.pop_back();
    file.engine = std::string(trim(file.engine));
  }
  file.token = Secret(*std::move(token));
  file.node_name = *std::move(name);
  file.directory = *std::move(directory);
  file.engine_database = *std::move(database);
  return file;
}

std::string token_file_text(const TokenFile& file) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("node_id", file.node_id);
  json.field("workspace_id", file.workspace_id);
  if (!file.engine.empty()) json.field("base_url", file.engine);
  json.field("token", file.token.reveal());
  if (!file.node_name.empty()) json.field("node_name", file.node_name);
  if (!file.directory.empty()) json.field("directory", file.directory);
  if (!file.engine_database.empty()) json.field("engine_database", file.engine_database);
  json.end_object();
  json.finish();
  text += '\n';
  return text;
}

std::string token_file_name(std::string_view node_id) {
  std::string name;
  for (const char c : node_id) {
    const bool kept = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                      c == '_' || c == '-';
    name += kept ? c : '_';
  }
  if (name.empty()) name = "node";
  return name + ".json";
}

bool fits(const TokenFile& file, std::string_view node_id, std::string_view workspace_id,
          std::string_view engine) {
  return file.node_id == node_id && file.workspace_id == workspace_id &&
         (file.engine.empty() || engine.empty() || file.engine == engine);
}

}  // namespace relay::token_cache
