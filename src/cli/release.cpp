#include "cli/release.hpp"

#include "cli/broker_client.hpp"
#include "cli/outcomes.hpp"
#include <memory>
#include <optional>
#include <utility>

#include "base/duration.hpp"
#include "base/printable.hpp"
#include "broker/longest_grace.hpp"
#include "net/url.hpp"

namespace relay::cli {
namespace {

constexpr Duration kReleaseMargin = std::chrono::seconds(90);
constexpr Duration kListWithin = std::chrono::seconds(10);

struct ReleaseOptions {
  BrokerOptions broker;
  std::vector<std::string> names;
  bool all = false;
  bool delete_identity = false;
  std::string reason;
  std::string grace;
};

std::string release_body(const ReleaseOptions& options, const std::optional<Duration>& grace) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  if (!options.reason.empty()) out.field("reason", options.reason);
  if (options.delete_identity) out.field("delete_identity", true);
  if (grace) {
    out.field("grace_ms",
              static_cast<std::uint64_t>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(*grace).count()));
  }
  out.end_object();
  out.finish();
  return text;
}

std::vector<std::string> names_in(const wire::Json& spawned) {
  std::vector<std::string> out;
  const auto document = wire::JsonDocument::parse(spawned.text(), wire::kEngineLimits);
  const auto agents = document ? document->root().find("agents") : std::nullopt;
  if (!agents) return out;
  for (const auto& agent : agents->elements()) out.push_back(text_field(agent, "name"));
  return out;
}

Outcome release_outcome(std::string name, const wire::Json& answer) {
  const auto document = wire::JsonDocument::parse(answer.text(), wire::kEngineLimits);
  const auto is = [&](std::string_view key) {
    const auto found = document ? document->root().find(key) : std::nullopt;
    return found && found->boolean().value_or(false);
  };
  if (is("known")) return {std::move(name), is("had_exited") ? "already-exited" : "released"};
  Error nobody(Code::agent_not_found, "there is no agent called " + printable(name),
               "relay-broker status lists the agents");
  return {std::move(name), std::move(nobody)};
}

asio::awaitable<Result<void>> release(Context* context, const ReleaseOptions* options,
                                      BrokerClient* client, Progress* progress) {
  std::optional<Duration> grace;
  // It was looked at when the command line was read.
  if (!options->grace.empty()) grace = parse_duration(options->grace).value_or(Duration::zero());
  std::vector<std::string> names = options->names;
  if (options->all) {
    const auto spawned = co_await client->call("GET", "/api/spawned", "", kListWithin);
    if (!spawned) co_return fail(spawned.error());
    names = names_in(*spawned);
  }
  const std::string body = release_body(*options, grace);
  const Duration within = grace.value_or(Duration::zero()) + kReleaseMargin;
  std::vector<Outcome> outcomes;
  // Its error is the command's own, which says itself that it was interrupted.
  const bool alone = names.size() == 1 && !context->json;
  bool interrupted = false;
  for (std::string& name : names) {
    if (interrupted) {
      Error left(Code::cancelled, "it was not asked to end");
      outcomes.emplace_back(std::move(name), std::move(left));
      continue;
    }
    progress->step("ending " + printable(name));
    const auto answer =
        co_await client->call("DELETE", "/api/spawned/" + net::path_segment(name), body, within);
    interrupted = !answer && answer.error().code == Code::cancelled && context->ended_by != 0;
    if (interrupted) {
      Error under_way(
          Code::cancelled,
          alone ? printable(name) + " may be ending still" : "interrupted: it may be ending still",
          "relay-broker status tells");
      outcomes.emplace_back(std::move(name), std::move(under_way));
    } else if (answer) {
      outcomes.push_back(release_outcome(std::move(name), *answer));
    } else {
      outcomes.emplace_back(std::move(name), answer.error());
    }
  }
  progress->done();
  auto told = tell_outcomes(*context, outcomes, "agents", "name");
  if (interrupted) context->status = 128 + context->ended_by;
  co_return told;
}

Result<void> check_release(const ReleaseOptions& options) {
  const auto grace = parse_duration(options.grace);
  if (grace && *grace > broker::kLongestGrace) {
    return fail(Code::invalid_argument,
                "--grace is at most " + format_duration(broker::kLongestGrace) + ", not " +
                    printable(options.grace),
                "an agent that needs longer can be asked by a message first");
  }
  if (options.all == options.names.empty()) return {};
  return fail(Code::invalid_argument,
              options.all ? "--all and names exclude each other" : "no agent is named",
              "relay-broker release NAME…, or --all");
}

}  // namespace

Command release_command() {
  auto options = std::make_shared<ReleaseOptions>();
  Command command;
  command.name = "release";
  command.summary = "End agents, with all their processes";
  command.examples = {"relay-broker release ada bert", "relay-broker release --all --grace 10s"};
  const auto add = [&command](Option option) { command.options.push_back(std::move(option)); };
  add(Option("--all", "Every agent of the broker", &options->all));
  add(Option("--reason", "Why, for the records", &options->reason).value_name("TEXT"));
  add(Option("--grace", "Between SIGTERM and SIGKILL", &options->grace).setting().duration());
  add(Option("--delete", "Remove its identity at the engine too", &options->delete_identity));
  add_broker_options(command, options->broker);
  add(Option("agents", "Which agents", &options->names)
          .value_name("AGENT")
          .looked_up(live_agent_names(options->broker)));
  command.run = [options](Context& context) -> Result<void> {
    auto fine = check_release(*options);
    if (!fine) return fine;
    const BrokerWork work = [&](BrokerClient* client, Progress* progress) {
      return release(&context, options.get(), client, progress);
    };
    return with_broker(context, options->broker, work, options->all ? Harm::destroys : Harm::none);
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
