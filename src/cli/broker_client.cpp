#include "cli/broker_client.hpp"

#include "cli/node_setup.hpp"
#include "cli/plain_words.hpp"
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <utility>

#include "base/duration.hpp"
#include "base/printable.hpp"
#include "net/ws_client.hpp"

namespace relay::cli {
namespace {

constexpr std::size_t kReplyMost = std::size_t{64} << 20;
/// The socket's path says where; this is only for the Host field.
constexpr std::string_view kHost = "http://localhost";
/// Who waits longer than this for an answer hears first whether there is anybody, within a part.
constexpr Duration kLongAnswer = std::chrono::seconds(30);
constexpr Duration kAwakeWithin = std::chrono::seconds(10);
constexpr Duration kCompletesWithin = std::chrono::milliseconds(150);
/// For a broker that is starting and does not say how long that takes.
constexpr std::chrono::seconds kStartsWithin{1};

/// What is said of a question that may have been answered by deeds.
enum class Question { looks, changes };
constexpr std::string_view kMayBeDone =
    "; look at relay-broker status first: what was asked for may be done";

/// The end of a connection is the end of the broker: it answers, or refuses, whoever it has let in.
Error ended_before_answer(const broker::Instance& instance, Question question) {
  Error out(Code::broker_not_running, "the next broker is there already", "ask it again");
  if (!is_served(instance)) out = no_broker(BrokerPlace::without(instance));
  // Whoever repeats it at once may do it twice.
  out.code = Code::broker_not_running;
  out.detail = {};
  out.retry_after.reset();
  if (question == Question::changes) out.hint += kMayBeDone;
  return std::move(out).within("the broker has ended before it answered");
}

/// Why a broker gave no answer, and what to do.
Error silence_of(Error error, const broker::Instance& instance, Duration within,
                 Question question) {
  switch (error.code) {
    case Code::connection_closed: return ended_before_answer(instance, question);
    case Code::broker_not_running: return no_broker(BrokerPlace::without(instance));
    case Code::timeout: {
      Error late(Code::timeout,
                 fmt::format("the broker {} has not answered within {}", instance.name,
                             format_duration(within)),
                 "relay-broker doctor says what it sees of it");
      if (question == Question::changes) late.hint += kMayBeDone;
      return late;
    }
    default: return error;
  }
}

asio::awaitable<Result<void>> ask_broker(asio::any_io_executor executor, broker::Instance place,
                                         Progress* progress, const BrokerWork* work) {
  BrokerClient client(std::move(executor), std::move(place));
  auto asked = (*work)(&client, progress);
  co_return co_await std::move(asked);
}

/// A list in an answer of the broker: where it is, what it is called, and which field of its
/// members is their name.
struct NamedList {
  const char* path;
  const char* list;
  const char* field;
};

asio::awaitable<Result<void>> list_names(BrokerClient* client, const NamedList* from,
                                         std::vector<std::string>* into) {
  const auto reply = co_await client->call("GET", from->path, "", kCompletesWithin);
  if (!reply) co_return fail(reply.error());
  const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
  const auto members = document ? document->root().find(from->list) : std::nullopt;
  if (!members) co_return Result<void>();
  for (const auto& member : members->elements()) {
    const auto name = member.find(from->field);
    if (name) into->emplace_back(name->string().value_or(name->json().text()));
  }
  co_return Result<void>();
}

}  // namespace

BrokerClient::BrokerClient(asio::any_io_executor executor, broker::Instance instance)
    : instance_(std::move(instance)),
      client_(std::move(executor), net::HttpClientOptions(), random_) {}

asio::awaitable<Result<void>> BrokerClient::knock() {
  net::HttpCall call("GET", std::string(kHost) + "/healthz");
  call.unix_socket = instance_.api_socket.string();
  call.deadline = kAwakeWithin;
  const auto reply = co_await client_.call(std::move(call));
  awake_ = reply.has_value();
  // Why else there is no answer, the question itself tells.
  const bool late = !reply && reply.error().code == Code::timeout;
  if (!late) co_return Result<void>();
  co_return fail(silence_of(reply.error(), instance_, kAwakeWithin, Question::looks));
}

asio::awaitable<Result<net::HttpReply>> BrokerClient::ask(std::string method, std::string path,
                                                          std::string body, Duration within) {
  auto question = Question::changes;
  if (method == "GET") question = Question::looks;
  if (within > kLongAnswer && !awake_) {
    auto there = co_await knock();
    if (!there) co_return fail(std::move(there).error());
  }
  net::HttpCall call(std::move(method), std::string(kHost) + path);
  call.unix_socket = instance_.api_socket.string();
  call.deadline = within;
  call.reply_most = kReplyMost;
  if (!body.empty()) call.headers.set("Content-Type", "application/json");
  call.body = std::move(body);
  auto reply = co_await client_.call(std::move(call));
  if (!reply) {
    co_return fail(silence_of(std::move(reply).error(), instance_, within, question));
  }
  if (!reply->ok()) co_return fail(broker_refusal(*reply));
  co_return reply;
}

asio::awaitable<Result<wire::Json>> BrokerClient::call(std::string method, std::string path,
                                                       std::string body, Duration within) {
  const auto reply = co_await ask(std::move(method), std::move(path), std::move(body), within);
  if (!reply) co_return fail(reply.error());
  co_return wire::Json::parse(reply->body);
}

asio::awaitable<Result<std::string>> BrokerClient::text(std::string path, Duration within) {
  auto reply = co_await ask("GET", std::move(path), "", within);
  if (!reply) co_return fail(std::move(reply).error());
  co_return std::move(reply->body);
}

asio::awaitable<Result<net::WebSocket>> BrokerClient::stream(std::string path, Duration within,
                                                             Random* random) {
  net::WsClientOptions options("ws://localhost" + path);
  options.unix_socket = instance_.api_socket.string();
  options.within = within;
  // It is on this machine: an end of it is short.
  options.socket.close_within = std::chrono::seconds(1);
  options.socket.linger = std::chrono::milliseconds(100);
  auto outcome = co_await net::ws_connect(std::move(options), random);
  if (outcome.connected) co_return std::move(outcome.connected->socket);
  if (!outcome.refusal) {
    Error why = std::move(outcome.connected).error();
    co_return fail(silence_of(std::move(why), instance_, within, Question::looks));
  }
  net::HttpReply reply;
  reply.status = outcome.refusal->status;
  reply.headers = std::move(outcome.refusal->headers);
  reply.body = std::move(outcome.refusal->body);
  reply.call = "GET " + path.substr(0, path.find('?'));
  co_return fail(broker_refusal(reply));
}

Error broker_refusal(const net::HttpReply& reply) {
  Error error = net::error_of(reply, [](std::string_view text) { return std::string(text); });
  const auto document = wire::JsonDocument::parse(reply.body, wire::kInboundLimits);
  const bool ours = document && document->root().kind() == wire::JsonView::Kind::object;
  if (!ours && reply.status == 503) {
    // The only refusal that agent-relay-broker, and so ours, does not give as JSON.
    Error starting(Code::node_not_ready, "the broker is starting", "try again in a moment");
    starting.detail = kBrokerNotReady;
    starting.retry_after = error.retry_after.value_or(kStartsWithin);
    return starting;
  }
  if (!ours) return error;
  wire::JsonView about = document->root();
  const auto nested = about.find("error");
  if (nested && nested->kind() == wire::JsonView::Kind::object) about = *nested;
  if (const auto code = code_named(text_field(about, "code"))) error.code = *code;
  std::string words = text_field(about, "message");
  if (words.empty()) words = text_field(about, "error");
  if (!words.empty()) error.message = printable(plain_words(words), Lines::many);
  error.hint = printable(text_field(about, "hint"), Lines::many);
  return error;
}

Result<void> with_broker(Context& context, const BrokerOptions& options, const BrokerWork& work,
                         Harm harm) {
  bool only_one = false;
  auto instance = find_broker(options, &only_one);
  if (!instance) return fail(std::move(instance).error());
  if (only_one && harm == Harm::destroys) {
    note("this directory has no broker: acting on " + instance->name + ", the only one that runs");
  }
  return run_loop(context, [&](asio::any_io_executor executor, Progress* progress) {
    return ask_broker(std::move(executor), *instance, progress, &work);
  });
}

namespace {

std::vector<std::string> live_names(const BrokerOptions& options, NamedList from) {
  std::vector<std::string> names;
  const auto instance = served_broker(options);
  if (!instance) return names;
  const BrokerWork work = [&names, &from](BrokerClient* client, Progress*) {
    return list_names(client, &from, &names);
  };
  (void)serve_loop([&](asio::any_io_executor executor, Progress* progress) {
    return ask_broker(std::move(executor), *instance, progress, &work);
  });
  return names;
}

}  // namespace

std::function<std::vector<std::string>()> live_agent_names(const BrokerOptions& options) {
  return [&options] { return live_names(options, NamedList{"/api/spawned", "agents", "name"}); };
}

std::function<std::vector<std::string>()> live_letter_ids(const BrokerOptions& options) {
  return [&options] {
    return live_names(options, NamedList{"/api/dead-letters?limit=100", "dead_letters", "id"});
  };
}

std::string text_field(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  const auto text = found ? found->string() : std::nullopt;
  return text ? std::string(*text) : std::string();
}

}  // namespace relay::cli
