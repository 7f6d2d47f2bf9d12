#include "broker/mcp_config.hpp"

#include <algorithm>
#include <array>

#include "base/json_writer.hpp"

namespace relay::broker {
namespace {

/// A schema that is longer is not worth an argument of its size.
constexpr std::size_t kMostSchema = std::size_t{16} << 10U;

constexpr std::array<std::string_view, 8> kOpen{
    "RELAY_BASE_URL",       "RELAY_WORKSPACE_ID",      "RELAY_AGENT_NAME",
    "RELAY_AGENT_TYPE",     "RELAY_STRICT_AGENT_NAME", "RELAY_AGENT_TOKEN_FILE",
    "RELAY_SKIP_BOOTSTRAP", "AGENT_RELAY_RESULT_URL"};
/// Programs start servers with an environment of their own making; these show the way to the
/// engine, and a proxy's address may hold a password.
constexpr std::array<std::string_view, 12> kPrivate{"AGENT_RELAY_RESULT_TOKEN",
                                                    "HTTP_PROXY",
                                                    "http_proxy",
                                                    "HTTPS_PROXY",
                                                    "https_proxy",
                                                    "ALL_PROXY",
                                                    "all_proxy",
                                                    "NO_PROXY",
                                                    "no_proxy",
                                                    "CURL_CA_BUNDLE",
                                                    "SSL_CERT_FILE",
                                                    "SSL_CERT_DIR"};

using Texts = std::map<std::string, std::string>;

void write_texts_of(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void write_variables(JsonWriter& out, std::string_view key, const McpServer& server) {
  out.key(key);
  out.begin_object();
  for (const auto& [name, value] : server.environment) out.field(name, value);
  for (const auto& [name, value] : server.private_environment) out.field(name, value);
  out.end_object();
}

void write_server(JsonWriter& out, const McpServer& server) {
  out.key(kMcpName);
  out.begin_object();
  out.field("command", server.command);
  write_texts_of(out, "args", server.args);
  write_variables(out, "env", server);
  out.end_object();
}

void write_for_opencode(JsonWriter& out, const McpServer& server) {
  out.key("mcp");
  out.begin_object();
  out.key(kMcpName);
  out.begin_object();
  out.field("type", "local");
  std::vector<std::string> command{server.command};
  command.insert(command.end(), server.args.begin(), server.args.end());
  write_texts_of(out, "command", command);
  write_variables(out, "environment", server);
  out.field("enabled", true);
  out.end_object();
  out.end_object();
}

std::string config_text(pty::McpFormat format, const McpServer& server) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  switch (format) {
    case pty::McpFormat::servers:
      out.key("mcpServers");
      out.begin_object();
      write_server(out, server);
      out.end_object();
      break;
    case pty::McpFormat::bare: write_server(out, server); break;
    case pty::McpFormat::opencode: write_for_opencode(out, server); break;
  }
  out.end_object();
  out.finish();
  return text;
}

/// In quotes that JSON and TOML have in common.
std::string quoted_word(std::string_view text) {
  std::string out;
  JsonWriter writer(out);
  writer.value(text);
  writer.finish();
  return out;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const std::string& word : words) out += (out.size() > 1 ? "," : "") + quoted_word(word);
  return out + "]";
}

/// A table of TOML in one line. The names are those above: letters and underscores.
std::string inline_table(const Texts& variables) {
  std::string out = "{";
  for (const auto& [name, value] : variables) {
    out += (out.size() > 1 ? "," : "") + name + "=" + quoted_word(value);
  }
  return out + "}";
}

std::vector<std::string> names_of(const Texts& variables) {
  std::vector<std::string> out;
  for (const auto& [name, value] : variables) out.push_back(name);
  return out;
}

/// As a shell reads it: variables, program, arguments.
std::string command_line(const McpServer& server) {
  std::string out;
  const auto add = [&out](std::string_view before, std::string_view word) {
    if (!out.empty()) out += ' ';
    out += before;
    out += '\'';
    for (const char c : word) {
      if (c == '\'') out += "'\\'";
      out += c;
    }
    out += '\'';
  };
  for (const auto& [name, value] : server.environment) add(name + "=", value);
  add("", server.command);
  for (const std::string& word : server.args) add("", word);
  return out;
}

void fill_place(std::string& text, std::string_view place, std::string_view value) {
  for (auto at = text.find(place); at != std::string::npos; at = text.find(place, at)) {
    text.replace(at, place.size(), value);
    at += value.size();
  }
}

bool is_left_to_user(const pty::McpRule& rule, const std::vector<std::string>& argv) {
  return std::any_of(argv.begin(), argv.end(), [&rule](const std::string& word) {
    return std::any_of(rule.skip_if.begin(), rule.skip_if.end(), [&word](const std::string& sign) {
      // A setting stands behind an option, perhaps in the same word.
      if (!sign.starts_with('-')) return word.find(sign) != std::string::npos;
      return word == sign || word.starts_with(sign + "=");
    });
  });
}

}  // namespace

McpServer mcp_server_for(std::string command, const os::Environment& environment) {
  McpServer out;
  out.command = std::move(command);
  for (const auto name : kOpen) {
    if (auto value = environment.get(name)) out.environment.emplace(name, *std::move(value));
  }
  for (const auto name : kPrivate) {
    if (auto value = environment.get(name)) {
      out.private_environment.emplace(name, *std::move(value));
    }
  }
  const auto schema = environment.get("AGENT_RELAY_RESULT_SCHEMA");
  if (schema && schema->size() <= kMostSchema) {
    out.environment.emplace("AGENT_RELAY_RESULT_SCHEMA", *schema);
  }
  return out;
}

std::string mcp_servers_json(const McpServer& server) {
  return config_text(pty::McpFormat::servers, server);
}

McpPlan plan_mcp(const pty::McpRule& rule, const McpServer& server, const std::string& path,
                 const std::vector<std::string>& argv, const os::Environment& environment) {
  McpPlan plan;
  if (rule.by == pty::McpBy::none || is_left_to_user(rule, argv)) return plan;
  if (rule.by == pty::McpBy::environment) {
    if (environment.get(rule.variable)) return plan;
    plan.variable = rule.variable;
    plan.file = config_text(rule.format, server);
    return plan;
  }
  for (std::string word : rule.args) {
    if (word.find("{config}") != std::string::npos) plan.file = config_text(rule.format, server);
    fill_place(word, "{config}", path);
    fill_place(word, "{name}", kMcpName);
    fill_place(word, "{command}", quoted_word(server.command));
    fill_place(word, "{args}", list_of(server.args));
    fill_place(word, "{env}", inline_table(server.environment));
    fill_place(word, "{names}", list_of(names_of(server.private_environment)));
    fill_place(word, "{line}", command_line(server));
    plan.args.push_back(std::move(word));
  }
  return plan;
}

}  // namespace relay::broker
