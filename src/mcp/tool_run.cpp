#include "mcp/tool_run.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "net/url.hpp"

namespace relay::mcp {
namespace {

using Kind = wire::JsonView::Kind;

/// What goes into a path or a query: names, ids, words to look for.
constexpr std::size_t kMostInPath = 512;
constexpr double kMostNumber = 1'000'000;
/// Of the engine's own words in an error.
constexpr std::size_t kMostWords = 500;

struct Emoji {
  std::string_view name;
  std::string_view sign;
};
constexpr std::array<Emoji, 11> kEmojis{{{"+1", "👍"},
                                         {"thumbsup", "👍"},
                                         {"thumbs_up", "👍"},
                                         {"-1", "👎"},
                                         {"check", "✅"},
                                         {"white_check_mark", "✅"},
                                         {"x", "❌"},
                                         {"rocket", "🚀"},
                                         {"eyes", "👀"},
                                         {"heart", "❤️"},
                                         {"clap", "👏"}}};

std::string emoji_of(std::string_view given) {
  std::string name = lower_ascii(trim(given));
  if (name.size() > 2 && name.front() == ':' && name.back() == ':') {
    name = name.substr(1, name.size() - 2);
  }
  const auto* known = std::find_if(kEmojis.begin(), kEmojis.end(),
                                   [&name](const Emoji& emoji) { return emoji.name == name; });
  return std::string(known == kEmojis.end() ? trim(given) : known->sign);
}

Error wrong(const Tool& tool, const Parameter& parameter, std::string_view what) {
  return {Code::invalid_argument,
          fmt::format("{}: the argument \"{}\" {}", tool.name, parameter.name, what),
          std::string(parameter.description)};
}

/// An argument in the form in which it is sent.
struct Value {
  const Parameter* parameter;
  /// Of texts, numbers and flags.
  std::string text;
  /// Of all of them, for a body.
  std::string json;
};

Result<Value> text_value(const Tool& tool, const Parameter& parameter, std::string_view given) {
  std::string text(given);
  if (parameter.kind == ParameterKind::channel && text.starts_with('#')) text.erase(0, 1);
  if (parameter.kind == ParameterKind::agent && text.starts_with('@')) text.erase(0, 1);
  if (parameter.kind == ParameterKind::emoji) text = emoji_of(text);
  if (parameter.required && trim(text).empty()) return fail(wrong(tool, parameter, "is empty"));
  if (!parameter.choices.empty()) {
    const auto choices = split(parameter.choices, '|');
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return fail(wrong(tool, parameter, fmt::format("has to be one of {}", parameter.choices)));
    }
  }
  const auto json = wire::Json::build([&text](JsonWriter& out) { out.value(text); });
  return Value{&parameter, std::move(text), json.text()};
}

Result<Value> value_of(const Tool& tool, const Parameter& parameter, const wire::JsonView& given) {
  const auto as_it_is = [&] { return Value{&parameter, "", given.json().text()}; };
  switch (parameter.kind) {
    case ParameterKind::number: {
      const auto number = given.number();
      const bool fine =
          number && *number >= 1 && *number <= kMostNumber && std::floor(*number) == *number;
      if (!fine) return fail(wrong(tool, parameter, "has to be a whole number from 1"));
      const std::string digits = fmt::format("{}", static_cast<std::uint64_t>(*number));
      return Value{&parameter, digits, digits};
    }
    case ParameterKind::flag: {
      const auto flag = given.boolean();
      if (!flag) return fail(wrong(tool, parameter, "has to be true or false"));
      const std::string word = *flag ? "true" : "false";
      return Value{&parameter, word, word};
    }
    case ParameterKind::texts: {
      const auto elements = given.elements();
      const bool texts = std::all_of(elements.begin(), elements.end(), [](const auto& element) {
        return element.kind() == Kind::string;
      });
      if (given.kind() != Kind::array || !texts || (parameter.required && elements.empty())) {
        return fail(wrong(tool, parameter, "has to be a list of texts"));
      }
      return as_it_is();
    }
    case ParameterKind::object:
      if (given.kind() != Kind::object) return fail(wrong(tool, parameter, "has to be an object"));
      return as_it_is();
    case ParameterKind::anything: return as_it_is();
    default: {
      const auto text = given.string();
      if (!text) return fail(wrong(tool, parameter, "has to be a text"));
      return text_value(tool, parameter, *text);
    }
  }
}

/// Every argument that was given and not null; unknown ones are left out, as the published server
/// does.
Result<std::vector<Value>> read_arguments(const Tool& tool, const wire::JsonView& arguments) {
  std::vector<Value> out;
  for (const Parameter& parameter : tool.parameters) {
    const auto given = arguments.find(parameter.name);
    if (!given || given->is_null()) {
      if (parameter.required) return fail(wrong(tool, parameter, "is missing"));
      continue;
    }
    auto value = value_of(tool, parameter, *given);
    if (!value) return fail(std::move(value).error());
    out.push_back(*std::move(value));
  }
  return out;
}

std::string place_of(const Parameter& parameter) {
  return "{" + std::string(parameter.name) + "}";
}

bool fill_in(std::string& text, const std::string& place, std::string_view value) {
  const auto at = text.find(place);
  if (at != std::string::npos) text.replace(at, place.size(), value);
  return at != std::string::npos;
}

void write_field(JsonWriter& out, const Value& value) {
  const Parameter& parameter = *value.parameter;
  out.key(parameter.wire_name.empty() ? parameter.name : parameter.wire_name);
  out.raw(value.json);
}

std::string body_of(const Tool& tool, const std::vector<Value>& values) {
  const auto json = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    if (!tool.body_name.empty()) {
      out.key(tool.body_name);
      out.begin_object();
    }
    for (const Value& value : values) write_field(out, value);
    if (!tool.body_name.empty()) out.end_object();
    out.end_object();
  });
  return json.text();
}

/// `data` of an engine's answer, or the whole of it where there is none.
wire::Json data_of(std::string_view body) {
  const auto document = wire::JsonDocument::parse(body, wire::kEngineLimits);
  if (!document) return {};
  const auto data = document->root().find("data");
  return data ? data->json() : document->root().json();
}

/// A message whose agent does not run is no delivered one: said in words that a model heeds.
wire::Json with_note(const wire::Json& data) {
  const auto document = wire::JsonDocument::parse(data.text(), wire::kEngineLimits);
  if (!document) return data;
  const auto status = document->root().find("recipient_status");
  if (!status || status->string() != "offline") return data;
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("note", "This agent does not run now: it gets the message only if it comes back.");
    for (const auto& member : document->root().members()) {
      out.key(member.key);
      out.raw(member.value.json().text());
    }
    out.end_object();
  });
}

wire::Json agents_with(const wire::Json& all, std::string_view status) {
  const auto document = wire::JsonDocument::parse(all.text(), wire::kEngineLimits);
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_array();
    if (document) {
      for (const auto& agent : document->root().elements()) {
        const auto now = agent.find("status");
        const bool wanted = status.empty() || (now && now->string() == status);
        if (wanted) out.raw(agent.json().text());
      }
    }
    out.end_array();
  });
}

struct Mend {
  std::string_view code;
  std::string_view for_model;
  std::string_view for_person;
};
constexpr std::array<Mend, 9> kMends{
    {{"agent_not_found", "list_agents shows who is there",
      "relay-broker status lists the agents of a broker"},
     {"channel_not_found", "list_channels shows what there is, create_channel makes one",
      "an agent that is started with --channel makes it"},
     {"channel_already_exists", "join_channel brings you into it", ""},
     {"not_a_member", "join_channel first",
      "an agent is in the channels that it was started with: relay-broker spawn --channel"},
     {"message_not_found", "take the id from the message's header or from check_inbox",
      "its id stands in the header of the message, and in what send prints"},
     {"rate_limit_exceeded", "wait a minute, then send fewer messages", "wait a minute"},
     {"action_not_found", "list_actions shows what there is", ""},
     {"node_not_found", "query_nodes shows what there is", ""},
     {"agent_already_exists", "choose another name", "choose another name"}}};

/// What it means that the engine does not know who asks.
std::string_view unknown_to_engine(Credential credential) {
  switch (credential) {
    case Credential::workspace:
      return "the workspace's key is wrong, or that of another engine: RELAY_WORKSPACE_KEY";
    case Credential::results: return "nobody waits for results of this agent any more";
    case Credential::agent: break;
  }
  return "this agent's identity is no longer good: it was released or replaced";
}

}  // namespace

ToolResult ToolResult::of(const Error& error) {
  std::string text = fmt::format("{}: {}", name_of(error.code), error.message);
  if (!error.hint.empty()) text += "\nhint: " + error.hint;
  return {std::move(text), true};
}

std::string ToolResult::json() const {
  const auto json = wire::Json::build([this](JsonWriter& out) {
    out.begin_object();
    out.key("content");
    out.begin_array();
    out.begin_object();
    out.field("type", "text");
    out.field("text", text);
    out.end_object();
    out.end_array();
    out.field("isError", is_error);
    out.end_object();
  });
  return json.text();
}

Result<ToolRun> ToolRun::plan(const Tool& tool, const wire::JsonView& arguments) {
  auto values = read_arguments(tool, arguments);
  if (!values) return fail(std::move(values).error());
  ToolRun run(tool);
  run.request_.method = tool.method;
  run.request_.path = tool.path;
  run.request_.keyed =
      tool.name == "send_dm" || tool.name == "post_message" || tool.name == "reply_to_thread";
  run.done_ = tool.done;
  if (tool.needs == ToolNeeds::no_identity) run.request_.credential = Credential::workspace;
  if (tool.needs == ToolNeeds::results) {
    run.request_.credential = Credential::results;
    run.request_.path.clear();
  }
  std::vector<Value> rest;
  for (Value& value : *values) {
    const Parameter& parameter = *value.parameter;
    (void)fill_in(run.done_, place_of(parameter), value.text);
    std::string segment = net::path_segment(value.text);
    // A segment of dots would be taken for a step in the path.
    if (segment == "." || segment == "..") return fail(wrong(tool, parameter, "is no name"));
    const bool in_path = fill_in(run.request_.path, place_of(parameter), segment);
    if ((in_path || tool.method == "GET") && value.text.size() > kMostInPath) {
      return fail(wrong(tool, parameter, fmt::format("has at most {} bytes", kMostInPath)));
    }
    if (!in_path) rest.push_back(std::move(value));
  }
  if (tool.name == "send_group_dm") {
    // Made in two steps: the conversation, then what is said in it.
    const auto said = std::find_if(rest.begin(), rest.end(), [](const Value& value) {
      return value.parameter->name == "text";
    });
    run.first_message_ = R"({"text":)" + said->json + "}";
    rest.erase(said);
  }
  if (tool.name == "list_agents") {
    if (!rest.empty()) run.status_ = rest.front().text;
    return run;
  }
  if (tool.method == "GET") {
    char before = '?';
    for (const Value& value : rest) {
      const Parameter& parameter = *value.parameter;
      run.request_.path += before;
      run.request_.path += parameter.wire_name.empty() ? parameter.name : parameter.wire_name;
      run.request_.path += '=' + net::path_segment(value.text);
      before = '&';
    }
  } else if (tool.method != "DELETE") {
    run.request_.body = body_of(tool, rest);
  }
  return run;
}

std::optional<ToolResult> ToolRun::take(std::string_view body) {
  wire::Json data = data_of(body);
  if (!first_message_.empty()) {
    const auto made = wire::JsonDocument::parse(data.text(), wire::kEngineLimits);
    const auto id = made ? made->root().find("id") : std::nullopt;
    const auto name = id ? id->string() : std::nullopt;
    if (!name) {
      return ToolResult::of(Error(Code::protocol_error, "the engine named no conversation"));
    }
    request_.path = "/v1/dm/" + net::path_segment(*name) + "/messages";
    request_.body = std::exchange(first_message_, {});
    request_.keyed = true;
    return std::nullopt;
  }
  if (!done_.empty()) return ToolResult::of(done_);
  if (tool_->name == "send_dm") data = with_note(data);
  if (tool_->name == "list_agents") data = agents_with(data, status_);
  if (tool_->answer_name.empty()) return ToolResult::of(data.text());
  const auto named = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.key(tool_->answer_name);
    out.raw(data.text());
    out.end_object();
  });
  return ToolResult::of(named.text());
}

Error engine_failure(Error error, const EngineRequest& request, std::string_view engine) {
  const bool away = error.code == Code::engine_unreachable;
  // It may have gone out before this.
  const bool lost = error.code == Code::timeout || error.code == Code::connection_closed;
  if (!away && !lost) return error;
  // What the client says is "POST URL: cause".
  const std::string why = error.cause();
  const std::string whom = request.credential == Credential::results
                               ? "the broker that asked for results"
                               : fmt::format("the engine at {}", engine);
  error.message =
      fmt::format("{} {}: {}", whom, away ? "cannot be reached" : "has not answered", why);
  error.hint = request.keyed && lost
                   ? "the message may have been sent: look before you send it again, or it is "
                     "said twice"
                   : "relay-broker doctor looks for the cause";
  return error;
}

Error engine_refusal(int status, std::string_view body, Credential credential, Audience audience) {
  std::string code;
  std::string words;
  const auto document = wire::JsonDocument::parse(body, wire::kEngineLimits);
  const auto error = document ? document->root().find("error") : std::nullopt;
  if (error) {
    const auto text = [&error](std::string_view name) {
      const auto field = error->find(name);
      const auto found = field ? field->string() : error->string();
      return printable(found.value_or("").substr(0, kMostWords));
    };
    code = text("code");
    words = text("message");
  }
  if (words.empty()) words = fmt::format("the engine answered with status {}", status);
  Error out(Code::engine_error, code.empty() ? words : code + ": " + words);
  if (status == 400) out.code = Code::invalid_argument;
  if (status == 401) out.code = Code::unauthorized;
  if (status == 403) out.code = Code::forbidden;
  if (status == 404) out.code = Code::not_found;
  if (status == 409) out.code = Code::conflict;
  if (status == 429) out.code = Code::rate_limited;
  const auto* mend = std::find_if(kMends.begin(), kMends.end(),
                                  [&code](const Mend& known) { return known.code == code; });
  if (mend != kMends.end()) {
    out.hint = audience == Audience::model ? mend->for_model : mend->for_person;
  }
  if (status == 401) out.hint = unknown_to_engine(credential);
  return out;
}

}  // namespace relay::mcp
