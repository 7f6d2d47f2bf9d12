#include "cli/send.hpp"

#include "cli/agent_names.hpp"
#include "cli/broker_client.hpp"
#include "cli/mcp_caller.hpp"
#include "cli/node_setup.hpp"
#include "cli/output.hpp"
#include "cli/standard_input.hpp"
#include <asio/this_coro.hpp>
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "base/printable.hpp"
#include "net/url.hpp"
#include "wire/names.hpp"

namespace relay::cli {
namespace {

constexpr Duration kWithin = std::chrono::seconds(40);
/// The most that a broker takes as one message.
constexpr std::size_t kMostText = std::size_t{1} << 20U;

struct SendOptions {
  BrokerOptions broker;
  std::string to;
  std::string text;
  std::string from;
  std::string thread;
  bool steer = false;
  /// Inside an agent that no broker of ours has started: its own way to its engine.
  bool by_engine = false;
};

/// Inside an agent it is the agent who speaks, at the broker that it belongs to.
void speak_as_agent(const AgentAccess& agent, SendOptions& options) {
  if (!options.from.empty() || agent.agent.empty()) return;
  options.from = agent.agent;
  if (options.broker.instance.empty()) options.broker.instance = agent.broker;
  options.by_engine = agent.broker.empty() && agent.has_identity() && !agent.engine.empty();
}

Result<void> complete_text(SendOptions& options) {
  if (options.text == "-") {
    auto given = read_standard_input(kMostText, "a message");
    if (!given) return fail(std::move(given).error());
    options.text = *std::move(given);
  }
  if (options.text.find_first_not_of(" \t\r\n") != std::string::npos) return {};
  return fail(Code::invalid_argument, "the message is empty",
              "relay-broker send NAME TEXT, or - to read it from standard input");
}

std::string send_body(const SendOptions& options) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("to", options.to);
  out.field("message", options.text);
  if (!options.from.empty()) {
    out.field("from", options.from);
    // A name with a mistake in it would be believed.
    out.field("from_agent", true);
  }
  if (!options.thread.empty()) {
    out.field("thread_id", options.thread);
    out.field("thread_is_message", true);
  }
  if (options.steer) out.field("mode", "steer");
  out.end_object();
  out.finish();
  return body;
}

void show_sent(Context& context, const SendOptions& options, const wire::Json& answer) {
  context.deed = "it was sent";
  if (context.json) return context.out.line(answer.text());
  const auto document = wire::JsonDocument::parse(answer.text(), wire::kEngineLimits);
  if (!document) return;
  const std::string id = text_field(document->root(), "event_id");
  const std::string warning = text_field(document->root(), "warning");
  const auto local = document->root().find("local");
  const bool here = local && local->boolean().value_or(false);
  const auto delivered = document->root().find("delivered");
  const auto count = delivered ? delivered->unsigned_integer().value_or(0) : 0;
  const std::string how = !here        ? "through the engine"
                          : count == 1 ? "to one agent here"
                                       : fmt::format("to {} agents here", count);
  context.out.line(fmt::format("{}: sent {} ({})", printable(options.to), how, printable(id)));
  if (!warning.empty()) note(printable(warning));
}

mcp::EngineRequest engine_request(const SendOptions& options) {
  mcp::EngineRequest request;
  request.method = "POST";
  request.keyed = true;
  const bool answers = !options.thread.empty();
  const bool to_channel = options.to.starts_with('#');
  if (answers) {
    request.path = "/v1/messages/" + net::path_segment(options.thread) + "/replies";
  } else if (to_channel) {
    request.path = "/v1/channels/" + net::path_segment(options.to.substr(1)) + "/messages";
  } else {
    request.path = "/v1/dm";
  }
  JsonWriter out(request.body);
  out.begin_object();
  if (!answers && !to_channel) out.field("to", options.to);
  out.field("text", options.text);
  if (options.steer && !answers) out.field("mode", "steer");
  out.end_object();
  out.finish();
  return request;
}

/// For who has left the `#` of a channel away.
Error or_channel(Error error, const std::string& to) {
  if (error.code != Code::agent_not_found || !wire::is_channel_name(to)) return error;
  error.hint +=
      fmt::format("{}a channel has a # in front: '#{}'", error.hint.empty() ? "" : "; ", to);
  return error;
}

asio::awaitable<Result<void>> send_by_engine(Context* context, const SendOptions* options,
                                             AgentAccess agent, Progress* progress) {
  const auto executor = co_await asio::this_coro::executor;
  McpCaller caller(executor, std::move(agent));
  progress->step("sending to " + printable(options->to));
  const mcp::EngineRequest request = engine_request(*options);
  const auto reply = co_await caller.ask(&request);
  progress->done();
  if (!reply) co_return fail(reply.error());
  if (!reply->ok()) {
    Error refused =
        mcp::engine_refusal(reply->status, reply->body, request.credential, mcp::Audience::person);
    co_return fail(or_channel(std::move(refused), options->to));
  }
  const auto document = wire::JsonDocument::parse(reply->body, wire::kEngineLimits);
  const auto id = document ? document->root().at("/data/id") : std::nullopt;
  const std::string name(id ? id->string().value_or("") : "");
  const auto answer = wire::Json::build([&name](JsonWriter& out) {
    out.begin_object();
    out.field("success", true);
    out.field("event_id", name);
    out.field("delivered", std::int32_t{0});
    out.field("local", false);
    out.field("relaycast_published", true);
    out.end_object();
  });
  show_sent(*context, *options, answer);
  co_return Result<void>();
}

asio::awaitable<Result<void>> send(Context* context, const SendOptions* options,
                                   BrokerClient* client, Progress* progress) {
  progress->step("sending to " + printable(options->to));
  std::string body = send_body(*options);
  const auto answer = co_await client->call("POST", "/api/send", std::move(body), kWithin);
  progress->done();
  if (!answer) co_return fail(or_channel(answer.error(), options->to));
  show_sent(*context, *options, *answer);
  co_return Result<void>();
}

}  // namespace

Command send_command() {
  auto options = std::make_shared<SendOptions>();
  Command command;
  command.name = "send";
  command.summary = "Send a message to an agent or a #channel";
  command.examples = {"relay-broker send ada \"the build is red, have a look\"",
                      "git diff | relay-broker send '#reviews' - --from ada"};
  const auto add = [&command](Option option) { command.options.push_back(std::move(option)); };
  add(Option("--from", "In whose name; you, or the agent that this runs in", &options->from)
          .value_name("AGENT")
          .looked_up(live_agent_names(options->broker)));
  add(Option("--thread", "The message that this one answers", &options->thread).value_name("ID"));
  add(Option("--steer", "Before everything that waits", &options->steer));
  add_broker_options(command, options->broker, {kAgentBroker});
  add(Option("to", "Who gets it", &options->to)
          .value_name("TO")
          .required()
          .looked_up(live_agent_names(options->broker)));
  add(Option("text", "What it says; - reads standard input", &options->text)
          .value_name("TEXT")
          .required());
  command.run = [options](Context& context) -> Result<void> {
    // Before there is a loop: a signal ends this at once.
    if (options->to.starts_with('#')) {
      auto named = check_channel_name(options->to);
      if (!named) return named;
    }
    auto complete = complete_text(*options);
    if (!complete) return complete;
    const AgentAccess agent = AgentAccess::from(os::Environment::of_process());
    speak_as_agent(agent, *options);
    if (options->by_engine) {
      return run_loop(context, [&](const asio::any_io_executor&, Progress* progress) {
        return send_by_engine(&context, options.get(), agent, progress);
      });
    }
    return with_broker(context, options->broker, [&](BrokerClient* client, Progress* progress) {
      return send(&context, options.get(), client, progress);
    });
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
