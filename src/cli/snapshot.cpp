#include "cli/snapshot.hpp"

#include "cli/broker_client.hpp"
#include "cli/output.hpp"
#include <memory>
#include <utility>

#include "net/url.hpp"
#include "wire/base64.hpp"

namespace relay::cli {
namespace {

constexpr Duration kSnapshotWithin = std::chrono::seconds(10);

struct SnapshotOptions {
  BrokerOptions broker;
  std::string agent;
  std::string format;
};

/// Without the blank rows below the last one that shows something.
std::string without_blank_end(std::string screen) {
  const auto last = screen.find_last_not_of(" \n");
  screen.erase(last == std::string::npos ? 0 : last + 1);
  if (!screen.empty()) screen += '\n';
  return screen;
}

asio::awaitable<Result<void>> snapshot(Context* context, const SnapshotOptions* options,
                                       BrokerClient* client) {
  const std::string format = options->format.empty() ? "plain" : options->format;
  const auto reply = co_await client->call(
      "GET", "/api/spawned/" + net::path_segment(options->agent) + "/snapshot?format=" + format, "",
      kSnapshotWithin);
  if (!reply) co_return fail(reply.error());
  if (context->json) {
    context->out.line(reply->text());
    co_return Result<void>();
  }
  const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  std::string screen = text_field(document->root(), "screen");
  if (format == "plain") screen = without_blank_end(std::move(screen));
  if (format == "ansi") {
    auto bytes = wire::base64_decoded(screen);
    if (!bytes) co_return fail(Code::protocol_error, "the broker's screen is not in base64");
    screen = *std::move(bytes);
  }
  // The broker draws it anew from the cells: nothing of the program's own bytes is in it.
  context->out.write(screen);
  co_return Result<void>();
}

}  // namespace

Command snapshot_command() {
  auto options = std::make_shared<SnapshotOptions>();
  Command command;
  command.name = "snapshot";
  command.summary = "Show what an agent's terminal shows";
  command.examples = {"relay-broker snapshot ada",
                      "relay-broker snapshot ada --format svg > ada.svg"};
  command.options.push_back(
      Option("--format", "Text, output for a terminal, or a picture", &options->format)
          .setting()
          .choices({"plain", "ansi", "svg"}));
  add_broker_options(command, options->broker);
  command.options.push_back(Option("agent", "Whose terminal", &options->agent)
                                .value_name("AGENT")
                                .looked_up(live_agent_names(options->broker))
                                .required());
  command.run = [options](Context& context) {
    return with_broker(context, options->broker, [&](BrokerClient* client, Progress*) {
      return snapshot(&context, options.get(), client);
    });
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
