#include "cli/status.hpp"

#include "cli/broker_client.hpp"
#include "cli/engine_place.hpp"
#include "cli/output.hpp"
#include "cli/serve_note.hpp"
#include "cli/table.hpp"
#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <unistd.h>
#include <utility>

#include "base/clock.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "net/timeout.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

constexpr Duration kStatusWithin = std::chrono::seconds(5);
constexpr Duration kWatchEvery = std::chrono::seconds(1);
/// A broker that takes the place of another: one that is on its way, and one of which nothing is
/// seen yet.
constexpr Duration kNextSeenWithin = std::chrono::seconds(15);
constexpr Duration kDoubted = std::chrono::seconds(10);
constexpr Duration kLookForNextSeen = std::chrono::milliseconds(100);
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEraseRestOfLine = "\x1b[K";
constexpr std::string_view kEraseBelow = "\x1b[J";

struct StatusOptions {
  BrokerOptions broker;
  bool watch = false;
  bool all = false;
};

std::int64_t number_field(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  return found ? found->signed_integer().value_or(0) : 0;
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : printable(text);
}

std::string engine_line(const wire::JsonView& broker) {
  const auto off = broker.find("tunnel_off");
  if (off && off->boolean().value_or(false)) return "none (agents of this machine only)";
  const auto node = broker.find("node");
  if (!node) return "?";
  std::string out = or_dash(text_field(broker, "engine")) + ", node " +
                    or_dash(text_field(*node, "node_name")) + ": " + text_field(*node, "tunnel");
  for (const char* key : {"hard_error", "store_error", "last_error"}) {
    const auto error = node->find(key);
    const auto connected = node->find("connected");
    const bool old =
        std::string_view(key) == "last_error" && connected && connected->boolean().value_or(false);
    if (!error || error->is_null() || old) continue;
    out += "\n           " + printable(text_field(*error, "message"));
    const std::string hint = printable(text_field(*error, "hint"));
    if (!hint.empty()) out += " (" + hint + ")";
    break;
  }
  return out;
}

/// " 3", " by SIGKILL"; empty while its program runs.
std::string exit_text(const wire::JsonView& agent) {
  const auto exit = agent.find("exit");
  if (!exit || exit->is_null()) return "";
  const std::string signal = text_field(*exit, "signal");
  if (!signal.empty()) return " by " + printable(signal);
  return fmt::format(" {}", number_field(*exit, "code"));
}

/// "3", "0, 1 unread"
std::string read_text(const wire::JsonView& agent) {
  const auto read = number_field(agent, "submitted") + number_field(agent, "typed");
  const auto unread = number_field(agent, "unread");
  return unread == 0 ? fmt::format("{}", read) : fmt::format("{}, {} unread", read, unread);
}

std::vector<std::string> agent_row(const wire::JsonView& agent) {
  std::string state = text_field(agent, "state");
  state += exit_text(agent);
  const std::string blocked = text_field(agent, "blocked_by");
  if (!blocked.empty()) state += ": " + printable(blocked);
  const auto pid = agent.find("workerPid");
  const std::string mode = text_field(agent, "delivery_mode");
  const auto wrapped = agent.find("wrapped");
  const bool elsewhere = wrapped && wrapped->boolean().value_or(false);
  const std::string terminal = text_field(agent, "terminal");
  std::string cli = or_dash(text_field(agent, "cli"));
  if (elsewhere) cli += terminal.empty() ? " (wrapped)" : " (in " + printable(terminal) + ")";
  return {or_dash(text_field(agent, "name")),
          std::move(cli),
          state,
          pid && !pid->is_null() ? pid->json().text() : "-",
          age_text(number_field(agent, "last_activity_ms") / 1000),
          fmt::format("{}{}", number_field(agent, "pending_messages"),
                      mode == "manual_flush" ? " held" : ""),
          read_text(agent)};
}

std::optional<EnginePlace> place_of(const wire::JsonView& broker) {
  const std::string engine = text_field(broker, "engine");
  if (engine.empty()) return std::nullopt;
  return engine_place_of(engine, text_field(broker, "state_dir"), text_field(broker, "instance"));
}

/// The broker's own words, and what it does not know.
std::string status_json(const wire::JsonView& broker) {
  const auto whole = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    for (const auto& member : broker.members()) {
      out.key(member.key);
      out.raw(member.value.json().text());
    }
    out.key("engine_process");
    write_engine_place(out, place_of(broker));
    out.end_object();
  });
  return whole.text();
}

std::string status_text(const wire::JsonView& broker) {
  std::string out = fmt::format(
      "broker     {} (pid {}, up {}, relay-broker {})\n", or_dash(text_field(broker, "instance")),
      number_field(broker, "pid"), age_text(number_field(broker, "uptime_ms") / 1000),
      or_dash(text_field(broker, "version")));
  out += "engine     " + engine_line(broker) + "\n";
  if (const auto place = place_of(broker)) {
    out += "           " + printable(engine_place_text(*place)) + "\n";
  }
  const auto dead = number_field(broker, "dead_letters");
  out += fmt::format("messages   {} waiting, {} dead letter{}\n", number_field(broker, "pending"),
                     dead, dead == 1 ? "" : "s");
  const auto agents = broker.find("agents");
  std::vector<std::vector<std::string>> rows;
  for (const auto& agent : agents ? agents->elements() : std::vector<wire::JsonView>()) {
    rows.push_back(agent_row(agent));
  }
  if (rows.empty()) return out + "agents     none; relay-broker spawn CLI starts one\n";
  rows.insert(rows.begin(), {"AGENT", "CLI", "STATE", "PID", "QUIET", "WAITING", "READ"});
  return out + "\n" + table_text(rows);
}

/// In place of what is on the screen, which does not flicker: a terminal that is erased from its
/// first line on may keep what was there in its history, each time.
std::string overwriting(std::string_view text) {
  const auto window = os::window_size(STDOUT_FILENO);
  const bool known = window && window->rows > 1 && window->columns > 1;
  // A last column that is written to is erased with what is behind it.
  const std::string fitted =
      fit_window(text, known ? window->rows : 0,
                 known ? static_cast<std::size_t>(window->columns) - 1 : text.size());
  std::string out(kHome);
  for (const char c : fitted) {
    if (c == '\n') out += kEraseRestOfLine;
    out += c;
  }
  out += kEraseRestOfLine;
  out += kEraseBelow;
  return out;
}

asio::awaitable<Result<void>> show_status(Context* context, BrokerClient* client, bool over) {
  const auto reply = co_await client->call("GET", "/api/broker", "", kStatusWithin);
  if (!reply) co_return fail(reply.error());
  const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  if (context->json) {
    context->out.line(status_json(document->root()));
  } else {
    const std::string text = status_text(document->root());
    context->out.write(over ? overwriting(text) : text);
  }
  co_return context->out.flush();
}

/// A terminal that knows how to go back to its first line.
bool can_overwrite() {
  const auto term = os::Environment::of_process().get("TERM");
  return os::is_terminal(STDOUT_FILENO) && term && *term != "dumb";
}

/// Shows it again and again, past a broker that takes the place of another.
asio::awaitable<Result<void>> watch(Context* context, BrokerClient* client) {
  const bool over = can_overwrite();
  const SystemClock clock;
  Monotonic seen = clock.now();
  for (;;) {
    auto shown = co_await show_status(context, client, over);
    if (shown) {
      seen = clock.now();
      // One below the other, then.
      if (!over && !context->json) context->out.line("");
      co_await net::pause(kWatchEvery);
      continue;
    }
    const Error& why = shown.error();
    const Duration unseen = clock.now() - seen;
    const bool comes = why.detail == kBrokerNotReady && unseen < kNextSeenWithin;
    // Between the two nobody holds the lock.
    const bool doubt = why.code == Code::broker_not_running && unseen < kDoubted;
    if (!comes && !doubt) co_return shown;
    co_await net::pause(kLookForNextSeen);
  }
}

asio::awaitable<Result<void>> status(Context* context, const StatusOptions* options,
                                     BrokerClient* client) {
  if (options->watch) {
    co_return co_await watch(context, client);
  }
  co_return co_await show_status(context, client, false);
}

/// One broker of the user, as its files tell.
struct Listed {
  std::string name;
  pid_t pid = 0;
  std::string directory;
};

Result<std::vector<Listed>> look_at_all() {
  auto all = running_brokers();
  if (!all) return fail(std::move(all).error());
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  std::vector<Listed> out;
  for (const auto& instance : *all) {
    Listed one;
    one.name = instance.name;
    const auto connection = broker::read_api_connection(files, instance.connection());
    if (connection) one.pid = connection->pid;
    const auto note = read_serve_note(files, *paths, instance.name);
    if (note) one.directory = note->directory.string();
    out.push_back(std::move(one));
  }
  return out;
}

std::string all_json(const std::vector<Listed>& all) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("instances");
  out.begin_array();
  for (const Listed& one : all) out.value(one.name);
  out.end_array();
  out.key("brokers");
  out.begin_array();
  for (const Listed& one : all) {
    out.begin_object();
    out.field("instance", one.name);
    out.field("pid", std::int64_t{one.pid});
    out.field("directory", one.directory);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  out.finish();
  return text;
}

Result<void> list_all(Context& context) {
  const auto all = look_at_all();
  if (!all) return fail(all.error());
  if (context.json) {
    context.out.line(all_json(*all));
  } else if (all->empty()) {
    context.out.line("no broker runs; relay-broker serve starts one");
  } else {
    std::vector<std::vector<std::string>> rows{{"INSTANCE", "PID", "DIRECTORY"}};
    for (const Listed& one : *all) {
      rows.push_back({printable(one.name), one.pid == 0 ? "-" : std::to_string(one.pid),
                      or_dash(one.directory)});
    }
    context.out.write(table_text(rows));
  }
  return {};
}

/// Ctrl-C is how a person ends watching: no error.
Result<void> end_watching(Context& context, Result<void> done) {
  if (done || done.error().code != Code::cancelled || context.ended_by != SIGINT) return done;
  if (os::is_terminal(STDOUT_FILENO)) context.out.line("");
  context.status = 128 + SIGINT;
  return {};
}

}  // namespace

Command status_command() {
  auto options = std::make_shared<StatusOptions>();
  Command command;
  command.name = "status";
  command.summary = "Show the broker, its engine and its agents";
  command.examples = {"relay-broker status", "relay-broker status --watch"};
  command.options.push_back(Option("--watch", "Show it again every second", &options->watch));
  command.options.push_back(Option("--all", "List the brokers of this user", &options->all));
  add_broker_options(command, options->broker);
  command.run = [options](Context& context) -> Result<void> {
    if (options->all) return list_all(context);
    auto done = with_broker(context, options->broker, [&](BrokerClient* client, Progress*) {
      return status(&context, options.get(), client);
    });
    return options->watch ? end_watching(context, std::move(done)) : done;
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
