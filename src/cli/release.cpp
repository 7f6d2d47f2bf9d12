#include "cli/release.hpp"

#include "cli/broker_client.hpp"
#include "cli/output.hpp"
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <utility>

#include "base/duration.hpp"
#include "base/printable.hpp"
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

/// What became of one name.
struct Outcome {
  std::string name;
  /// "released", "already-exited", or empty for an error.
  std::string what;
  std::optional<Error> error;
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

Outcome outcome_of(std::string name, const wire::Json& answer) {
  Outcome out;
  out.name = std::move(name);
  const auto document = wire::JsonDocument::parse(answer.text(), wire::kEngineLimits);
  const auto is = [&](std::string_view key) {
    const auto found = document ? document->root().find(key) : std::nullopt;
    return found && found->boolean().value_or(false);
  };
  if (!is("known")) {
    out.error = Error(Code::agent_not_found, "there is no agent called " + printable(out.name),
                      "relay-broker status lists the agents");
  } else {
    out.what = is("had_exited") ? "already-exited" : "released";
  }
  return out;
}

void show_outcomes(Context& context, const std::vector<Outcome>& outcomes) {
  if (!context.json) {
    for (const Outcome& one : outcomes) {
      if (!one.error) context.out.line(fmt::format("{}: {}", printable(one.name), one.what));
    }
    return;
  }
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("agents");
  out.begin_array();
  for (const Outcome& one : outcomes) {
    if (one.error) continue;
    out.begin_object();
    out.field("name", one.name);
    out.field("result", one.what);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  out.finish();
  context.out.line(text);
}

asio::awaitable<Result<void>> release(Context* context, const ReleaseOptions* options,
                                      BrokerClient* client, Progress* progress) {
  std::optional<Duration> grace;
  if (!options->grace.empty()) {
    const auto given = parse_duration(options->grace);
    if (!given) co_return fail(given.error());
    grace = *given;
  }
  std::vector<std::string> names = options->names;
  if (options->all) {
    const auto spawned = co_await client->call("GET", "/api/spawned", "", kListWithin);
    if (!spawned) co_return fail(spawned.error());
    names = names_in(*spawned);
  }
  const std::string body = release_body(*options, grace);
  const Duration within = grace.value_or(Duration::zero()) + kReleaseMargin;
  std::vector<Outcome> outcomes;
  for (std::string& name : names) {
    progress->step("ending " + printable(name));
    const auto answer =
        co_await client->call("DELETE", "/api/spawned/" + net::path_segment(name), body, within);
    if (answer) {
      outcomes.push_back(outcome_of(std::move(name), *answer));
      continue;
    }
    Outcome failed;
    failed.name = std::move(name);
    failed.error = answer.error();
    outcomes.push_back(std::move(failed));
  }
  progress->done();
  std::optional<Error> first;
  for (const Outcome& one : outcomes) {
    if (one.error && !first) first = one.error;
  }
  // Of several the good ones are told as well; the bad one is the command's end.
  const bool good = outcomes.empty() || !outcomes.front().error || outcomes.size() > 1;
  if (good && !(first && context->json)) show_outcomes(*context, outcomes);
  if (first) co_return fail(*std::move(first));
  co_return Result<void>();
}

Result<void> check_release(const ReleaseOptions& options) {
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
  add(Option("--grace", "Between SIGTERM and SIGKILL", &options->grace).value_name("DURATION"));
  add(Option("--delete", "Remove its identity at the engine too", &options->delete_identity));
  add_broker_options(command, options->broker);
  add(Option("agents", "Which agents", &options->names)
          .value_name("AGENT")
          .looked_up(live_agent_names));
  command.run = [options](Context& context) -> Result<void> {
    auto fine = check_release(*options);
    if (!fine) return fine;
    return with_broker(context, options->broker, [&](BrokerClient* client, Progress* progress) {
      return release(&context, options.get(), client, progress);
    });
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
