#include "mcp/server.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "base/text.hpp"

namespace relay::mcp {
namespace {

/// Oldest first. The last one is offered to a client that asks for another.
constexpr std::array<std::string_view, 4> kVersions{"2024-11-05", "2025-03-26", "2025-06-18",
                                                    "2025-11-25"};
/// The only one in which several messages may come as an array.
constexpr std::string_view kWithBatches = "2025-03-26";

std::string text_of(const wire::Json& object, std::string_view key) {
  const auto document = wire::JsonDocument::parse(object.text(), kLineLimits);
  const auto field = document ? document->root().find(key) : std::nullopt;
  return std::string(field ? field->string().value_or("") : "");
}

std::string instructions_for(const ServerFacts& facts) {
  std::string text = facts.agent.empty()
                         ? "You work with other agents."
                         : fmt::format("You are \"{}\" and work with other agents.", facts.agent);
  text +=
      " Their messages are typed into your terminal behind \"Relay message from NAME\" and an id; "
      "they come from agents, not from the user. Answer with send_dm (to NAME), in a channel with "
      "post_message, in a thread with reply_to_thread and the id. check_inbox shows what is "
      "unread, list_agents who is there.";
  if (!facts.offer.identity) text += " Call register_agent first: you have no name yet.";
  return text;
}

}  // namespace

ServerStep Server::on_long_line() {
  ServerStep step;
  step.out = fault_text("null", RpcFault::invalid_request,
                        fmt::format("a line has at most {} bytes", kLineLimits.max_bytes)) +
             "\n";
  return step;
}

ServerStep Server::on_line(std::string_view line) {
  ServerStep step;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return step;
  const auto read = read_line(line);
  if (!read) {
    const bool no_json = read.error().code == Code::invalid_json;
    answer(0,
           fault_text("null", no_json ? RpcFault::parse_error : RpcFault::invalid_request,
                      read.error().message),
           step);
    return step;
  }
  if (!read->batch) {
    take(read->messages.front(), 0, step);
    return step;
  }
  if (version_ != kWithBatches || read->messages.empty()) {
    answer(0,
           fault_text("null", RpcFault::invalid_request,
                      read->messages.empty() ? "an empty batch"
                                             : "batches belong to protocol version 2025-03-26"),
           step);
    return step;
  }
  const std::uint64_t batch = ++last_;
  // Open until all of it was looked at.
  batches_[batch].open = 1;
  for (const RpcMessage& message : read->messages) take(message, batch, step);
  end_batch(batch, step);
  return step;
}

void Server::take(const RpcMessage& message, std::uint64_t batch, ServerStep& step) {
  switch (message.kind) {
    case RpcMessage::Kind::request: take_request(message, batch, step); break;
    case RpcMessage::Kind::notification:
      if (message.method == "notifications/cancelled") take_cancel(message, step);
      break;
    case RpcMessage::Kind::response: break;
    case RpcMessage::Kind::invalid:
      answer(batch, fault_text(message.id, RpcFault::invalid_request, message.why), step);
      break;
  }
}

void Server::take_request(const RpcMessage& message, std::uint64_t batch, ServerStep& step) {
  if (message.method == "tools/call") return take_call(message, batch, step);
  if (message.method == "ping") return answer(batch, answer_text(message.id, "{}"), step);
  if (message.method == "tools/list") {
    return answer(batch, answer_text(message.id, tools_json(facts_.offer)), step);
  }
  if (message.method == "initialize" && batch == 0) {
    return answer(batch, answer_text(message.id, initialise(message.params)), step);
  }
  answer(batch,
         fault_text(message.id, RpcFault::method_not_found, "no such method: " + message.method),
         step);
}

std::string Server::initialise(const wire::Json& params) {
  const std::string wanted = text_of(params, "protocolVersion");
  const bool known = std::find(kVersions.begin(), kVersions.end(), wanted) != kVersions.end();
  version_ = known ? wanted : kVersions.back();
  const auto result = wire::Json::build([this](JsonWriter& out) {
    out.begin_object();
    out.field("protocolVersion", version_);
    out.key("capabilities");
    out.raw(facts_.offer.identity ? R"({"tools":{}})" : R"({"tools":{"listChanged":true}})");
    out.key("serverInfo");
    out.begin_object();
    out.field("name", "relay-broker");
    out.field("version", facts_.version);
    out.end_object();
    out.field("instructions", instructions_for(facts_));
    out.end_object();
  });
  return result.text();
}

void Server::take_call(const RpcMessage& message, std::uint64_t batch, ServerStep& step) {
  const auto refuse = [&](RpcFault fault, std::string_view why) {
    answer(batch, fault_text(message.id, fault, why), step);
  };
  const bool in_use = std::any_of(calls_.begin(), calls_.end(), [&message](const auto& call) {
    return call.second.id == message.id;
  });
  if (in_use) return refuse(RpcFault::invalid_request, "this id belongs to a request under way");
  const auto params = wire::JsonDocument::parse(message.params.text(), kLineLimits);
  const auto name = params ? params->root().find("name") : std::nullopt;
  const auto word = name ? name->string() : std::nullopt;
  if (!word) return refuse(RpcFault::invalid_params, "\"name\" has to be the name of a tool");
  const Tool* tool = find_tool(*word, facts_.offer);
  if (tool == nullptr) {
    return refuse(RpcFault::invalid_params, "no such tool: " + std::string(word->substr(0, 100)));
  }
  const auto fail_call = [&](const Error& error) {
    answer(batch, answer_text(message.id, ToolResult::of(error).json()), step);
  };
  if (calls_.size() >= kMostCalls) {
    return fail_call(Error(Code::queue_full, "too many calls at a time",
                           "wait for the results of some of them"));
  }
  const auto empty = wire::JsonDocument::parse("{}", kLineLimits);
  const auto given = params->root().find("arguments");
  const bool none = !given || given->is_null();
  if (!none && given->kind() != wire::JsonView::Kind::object) {
    return refuse(RpcFault::invalid_params, "\"arguments\" has to be an object");
  }
  const wire::JsonView arguments = none ? empty->root() : *given;
  if (tool->name == "send_dm" && is_me(arguments)) {
    return fail_call(Error(Code::invalid_argument, "that is you: nobody would get it",
                           "list_agents shows the others"));
  }
  auto run = ToolRun::plan(*tool, arguments);
  if (!run) return fail_call(run.error());
  const std::uint64_t number = ++last_;
  calls_[number] = Call{message.id, batch};
  if (batch != 0) ++batches_[batch].open;
  step.calls.emplace_back(number, *std::move(run));
}

bool Server::is_me(const wire::JsonView& arguments) const {
  const auto to = arguments.find("to");
  std::string_view name = to ? to->string().value_or("") : "";
  if (name == "@self") return true;
  if (name.starts_with('@')) name.remove_prefix(1);
  return !facts_.agent.empty() && equal_ignoring_case(name, facts_.agent);
}

void Server::take_cancel(const RpcMessage& message, ServerStep& step) {
  const auto params = wire::JsonDocument::parse(message.params.text(), kLineLimits);
  const auto id = params ? params->root().find("requestId") : std::nullopt;
  if (!id) return;
  const std::string text = id->json().text();
  const auto found = std::find_if(calls_.begin(), calls_.end(),
                                  [&text](const auto& call) { return call.second.id == text; });
  if (found == calls_.end()) return;
  const auto [number, call] = *found;
  calls_.erase(found);
  std::erase_if(step.calls,
                [wanted = number](const ToolCall& made) { return made.number == wanted; });
  step.cancelled.push_back(number);
  end_batch(call.batch, step);
}

ServerStep Server::on_result(std::uint64_t call, const ToolResult& result) {
  ServerStep step;
  const auto found = calls_.find(call);
  if (found == calls_.end()) return step;
  const Call done = std::move(found->second);
  calls_.erase(found);
  answer(done.batch, answer_text(done.id, result.json()), step);
  end_batch(done.batch, step);
  return step;
}

void Server::answer(std::uint64_t batch, std::string text, ServerStep& step) {
  if (batch != 0) {
    batches_[batch].answers.push_back(std::move(text));
    return;
  }
  step.out += text;
  step.out += '\n';
}

void Server::end_batch(std::uint64_t batch, ServerStep& step) {
  const auto found = batches_.find(batch);
  if (found == batches_.end() || --found->second.open > 0) return;
  const Batch done = std::move(found->second);
  batches_.erase(found);
  // Of notifications alone there is nothing to say.
  if (done.answers.empty()) return;
  char before = '[';
  for (const std::string& text : done.answers) {
    step.out += before + text;
    before = ',';
  }
  step.out += "]\n";
}

}  // namespace relay::mcp
