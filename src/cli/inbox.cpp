#include "cli/inbox.hpp"

#include "cli/broker_client.hpp"
#include "cli/mcp_caller.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include <asio/this_coro.hpp>
#include <charconv>
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "base/json_writer.hpp"
#include "base/printable.hpp"
#include "base/utf8.hpp"
#include "net/url.hpp"

namespace relay::cli {
namespace {

constexpr Duration kInboxWithin = std::chrono::seconds(30);
constexpr std::size_t kInboxPreview = 48;
constexpr unsigned kMostInbox = 200;

struct InboxOptions {
  BrokerOptions broker;
  std::string agent;
  std::string limit;
  bool mark_read = false;
};

using Views = std::vector<wire::JsonView>;

Views list_at(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  return found ? found->elements() : Views();
}

/// The text of a message, which is one or has one.
std::string words_of(const std::optional<wire::JsonView>& message) {
  if (!message) return {};
  const auto plain = message->string();
  const std::string text = printable(plain ? std::string(*plain) : text_field(*message, "text"));
  const std::string_view start = truncate_utf8(text, kInboxPreview);
  return std::string(start) + (start.size() < text.size() ? "…" : "");
}

std::string count_of(const wire::JsonView& item) {
  const auto count = item.find("unread_count");
  return fmt::format("{}", count ? count->unsigned_integer().value_or(0) : 0);
}

std::string inbox_text(const wire::JsonView& inbox) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& dm : list_at(inbox, "unread_dms")) {
    rows.push_back({printable(text_field(dm, "from")), "direct", count_of(dm),
                    words_of(dm.find("last_message"))});
  }
  for (const auto& mention : list_at(inbox, "mentions")) {
    rows.push_back({printable(text_field(mention, "agent_name")),
                    "#" + printable(text_field(mention, "channel_name")), "@",
                    words_of(mention.find("text"))});
  }
  for (const auto& channel : list_at(inbox, "unread_channels")) {
    rows.push_back({"", "#" + printable(text_field(channel, "channel_name")), count_of(channel)});
  }
  if (rows.empty()) return "nothing is waiting\n";
  rows.insert(rows.begin(), {"FROM", "WHERE", "UNREAD", "MESSAGE"});
  return table_text(rows);
}

/// What is read with it: the newest message of each conversation, and each mention. For a channel,
/// which message that is has to be asked for.
class ToMark {
 public:
  ToMark() = default;
  std::vector<std::string> messages;
  std::vector<std::string> channels;
};

ToMark what_to_mark(const wire::JsonView& inbox) {
  ToMark out;
  const auto add = [&out](std::string id) {
    if (!id.empty()) out.messages.push_back(std::move(id));
  };
  for (const auto& dm : list_at(inbox, "unread_dms")) {
    const auto last = dm.find("last_message");
    if (last) add(text_field(*last, "id"));
  }
  for (const auto& mention : list_at(inbox, "mentions")) add(text_field(mention, "id"));
  for (const auto& channel : list_at(inbox, "unread_channels")) {
    out.channels.push_back(text_field(channel, "channel_name"));
  }
  return out;
}

mcp::EngineRequest request_for(std::string method, std::string path) {
  mcp::EngineRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

/// `data` of the engine's answer.
asio::awaitable<Result<wire::Json>> ask_engine(McpCaller* caller, std::string method,
                                               std::string path) {
  const mcp::EngineRequest request = request_for(std::move(method), std::move(path));
  const auto reply = co_await caller->ask(&request);
  if (!reply) co_return fail(reply.error());
  if (!reply->ok()) {
    co_return fail(
        mcp::engine_refusal(reply->status, reply->body, request.credential, mcp::Audience::person));
  }
  const auto document = wire::JsonDocument::parse(reply->body, wire::kEngineLimits);
  const auto data = document ? document->root().find("data") : std::nullopt;
  if (!data) co_return fail(Code::protocol_error, "the engine's answer has no data in it");
  co_return data->json();
}

asio::awaitable<Result<void>> mark_all(McpCaller* caller, ToMark marks) {
  for (const std::string& channel : marks.channels) {
    std::string path = "/v1/channels/" + net::path_segment(channel) + "/messages?limit=1";
    const auto newest = co_await ask_engine(caller, "GET", std::move(path));
    if (!newest) co_return fail(newest.error());
    const auto document = wire::JsonDocument::parse(newest->text(), wire::kEngineLimits);
    const auto list = document ? document->root().elements() : Views();
    if (!list.empty()) marks.messages.push_back(text_field(list.front(), "id"));
  }
  for (const std::string& id : marks.messages) {
    std::string path = "/v1/messages/" + net::path_segment(id) + "/read";
    const auto marked = co_await ask_engine(caller, "POST", std::move(path));
    if (!marked) co_return fail(marked.error());
  }
  co_return Result<void>();
}

/// An object without its end, so that more can stand in it.
std::string still_open(const std::string& object) {
  return object.substr(0, object.rfind('}'));
}

/// `"error":{…}`
std::string failure_member(const Error& error) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("code", name_of(error.code));
  out.field("message", error.message);
  out.field("hint", error.hint);
  out.end_object();
  out.finish();
  return "\"error\":" + text;
}

asio::awaitable<Result<void>> show_inbox(Context* context, const InboxOptions* options,
                                         AgentAccess access, Progress* progress) {
  const auto executor = co_await asio::this_coro::executor;
  McpCaller caller(executor, std::move(access));
  progress->step("asking " + printable(caller.access().engine));
  std::string path = "/v1/inbox";
  if (!options->limit.empty()) path += "?limit=" + options->limit;
  const auto inbox = co_await ask_engine(&caller, "GET", std::move(path));
  if (!inbox) co_return fail(inbox.error());
  const auto document = wire::JsonDocument::parse(inbox->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  progress->done();
  const wire::JsonView root = document->root();
  const bool marks = options->mark_read && root.kind() == wire::JsonView::Kind::object;
  if (!marks) {
    context->out.write(context->json ? inbox->text() + "\n" : inbox_text(root));
    co_return Result<void>();
  }
  // It is at the reader before it counts as read: what failed to be shown is not lost.
  context->out.write(context->json ? still_open(inbox->text()) : inbox_text(root));
  auto shown = context->out.flush();
  if (!shown) co_return shown;
  progress->step("marking it as read");
  ToMark to_mark = what_to_mark(root);
  auto marked = co_await mark_all(&caller, std::move(to_mark));
  progress->done();
  if (marked) {
    if (context->json) context->out.line("}");
    co_return marked;
  }
  Error error = std::move(marked).error().within("not all of it is marked as read");
  if (!context->json) co_return fail(std::move(error));
  const std::string comma(root.members().size() == 0 ? "" : ",");
  context->out.line(comma + failure_member(error) + "}");
  const bool interrupted = error.code == Code::cancelled && context->ended_by != 0;
  context->status = exit_status_of(error.code);
  if (interrupted) context->status = 128 + context->ended_by;
  co_return Result<void>();
}

/// By what right the user of a broker reads for one of its agents: the file that the agent has.
asio::awaitable<Result<AgentAccess>> access_by_broker(BrokerClient* client, std::string agent) {
  const auto status = co_await client->call("GET", "/api/broker", "", kInboxWithin);
  if (!status) co_return fail(status.error());
  const auto document = wire::JsonDocument::parse(status->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  AgentAccess access;
  access.environment = os::Environment::of_process();
  access.agent = agent;
  access.engine = text_field(document->root(), "engine");
  if (access.engine.empty()) {
    co_return fail(Code::not_enrolled, "this broker has no engine, so there are no inboxes",
                   "what waits to be typed is in relay-broker status");
  }
  bool known = false;
  for (const auto& each : list_at(document->root(), "agents")) {
    known = known || text_field(each, "name") == agent;
  }
  if (!known) {
    co_return fail(Code::agent_not_found, "this broker has no agent " + printable(agent),
                   "relay-broker status lists its agents");
  }
  access.token_file = client->instance().runtime / "agents" / agent / "token";
  co_return access;
}

asio::awaitable<Result<void>> inbox_by_broker(Context* context, const InboxOptions* options,
                                              BrokerClient* client, Progress* progress) {
  auto access = co_await access_by_broker(client, options->agent);
  if (!access) co_return fail(std::move(access).error());
  co_return co_await show_inbox(context, options, *std::move(access), progress);
}

Result<void> check_limit(const std::string& text) {
  if (text.empty()) return {};
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && value >= 1 && value <= kMostInbox) return {};
  return fail(Code::invalid_argument, fmt::format("--limit takes a number from 1 to {}, not '{}'",
                                                  kMostInbox, printable(text)));
}

Result<void> run_inbox(Context& context, const InboxOptions& options) {
  if (auto fine = check_limit(options.limit); !fine) return fine;
  if (!options.agent.empty()) {
    return with_broker(context, options.broker, [&](BrokerClient* client, Progress* progress) {
      return inbox_by_broker(&context, &options, client, progress);
    });
  }
  const AgentAccess own = AgentAccess::from(os::Environment::of_process());
  if (!own.has_identity() && !own.agent.empty()) {
    InboxOptions named = options;
    named.agent = own.agent;
    if (named.broker.instance.empty()) named.broker.instance = own.broker;
    return with_broker(context, named.broker, [&](BrokerClient* client, Progress* progress) {
      return inbox_by_broker(&context, &named, client, progress);
    });
  }
  if (!own.has_identity()) {
    return fail(Code::invalid_argument, "whose inbox?",
                "relay-broker inbox --agent NAME; inside an agent it is the agent's own");
  }
  return run_loop(context, [&](const asio::any_io_executor&, Progress* progress) {
    return show_inbox(&context, &options, own, progress);
  });
}

}  // namespace

Command inbox_command() {
  auto options = std::make_shared<InboxOptions>();
  Command command;
  command.name = "inbox";
  command.summary = "Show what an agent has not read yet";
  command.examples = {"relay-broker inbox --agent ada",
                      "relay-broker inbox --json --limit 5 --mark-read"};
  const auto add = [&command](Option option) { command.options.push_back(std::move(option)); };
  add(Option("--as,--agent", "Whose; inside an agent its own", &options->agent)
          .value_name("AGENT")
          .looked_up(live_agent_names(options->broker)));
  add(Option("--limit", "At most so many of each kind", &options->limit).value_name("N"));
  add(Option("--mark-read", "It counts as read from now on", &options->mark_read));
  add_broker_options(command, options->broker, {kAgentBroker});
  command.run = [options](Context& context) { return run_inbox(context, *options); };
  command.state = options;
  return command;
}

}  // namespace relay::cli
