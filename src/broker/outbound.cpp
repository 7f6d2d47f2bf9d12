#include "broker/outbound.hpp"

#include <chrono>
#include <fmt/format.h>
#include <utility>

#include "base/ids.hpp"
#include "base/printable.hpp"
#include "net/url.hpp"
#include "token_cache/engine_reply.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_channels.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"

namespace relay::broker {
namespace {

constexpr Duration kWithin = std::chrono::seconds(20);
constexpr std::size_t kReplyMost = std::size_t{1} << 20U;
constexpr const char* kNotSent = "nothing was sent; relay-broker doctor looks for the cause";

struct Post {
  std::string path;
  std::string body;
};

Post post_of(const OutboundMessage& message) {
  const auto mode = message.steer ? wire::InjectionMode::steer : wire::InjectionMode::wait;
  if (!message.thread_id.empty()) {
    wire::ReplyPost reply;
    reply.text = message.text;
    return {"/v1/messages/" + net::path_segment(message.thread_id) + "/replies",
            wire::encode_body(reply)};
  }
  if (message.to.starts_with('#')) {
    wire::MessagePost post;
    post.text = message.text;
    post.mode = mode;
    return {"/v1/channels/" + net::path_segment(message.to.substr(1)) + "/messages",
            wire::encode_body(post)};
  }
  wire::DmPost dm;
  dm.to = message.to;
  dm.text = message.text;
  dm.mode = mode;
  return {"/v1/dm", wire::encode_body(dm)};
}

/// Every kind of answer has the id at the same place.
Result<PublishedMessage> published_of(const net::HttpReply& reply) {
  const auto document = wire::JsonDocument::parse(reply.body, wire::kEngineLimits);
  if (!document) return fail(token_cache::nonsense(reply, document.error()));
  const auto id = document->root().at("/data/id");
  const auto text = id ? id->string() : std::nullopt;
  if (text) {
    PublishedMessage out{std::string(*text)};
    const auto status = document->root().at("/data/recipient_status");
    out.waits = status && status->string() == "offline";
    return out;
  }
  return fail(token_cache::nonsense(reply, Error(Code::protocol_error, "it has no id")));
}

/// In words of the person who sends: what there is none of, or what the engine says.
Error refusal_for(const OutboundMessage& message, const net::HttpReply& reply,
                  const net::Redact& redact) {
  Error error = token_cache::refusal_of(reply, redact);
  const std::string code = token_cache::refusal_code(reply);
  if (code == "agent_not_found") {
    return {Code::agent_not_found, "the engine knows no agent called " + printable(message.to),
            "relay-broker status lists the agents of this broker"};
  }
  if (code == kNoChannel) {
    error = Error(Code::not_found, "there is no channel " + printable(message.to),
                  "an agent that is started with --channel makes it");
    error.detail = kNoChannel;
    return error;
  }
  if (code == "message_not_found") {
    return {Code::not_found, "there is no message " + printable(message.thread_id) + " to answer",
            "its id stands in the header of the message, and in what send prints"};
  }
  const auto answer = wire::decode_answer<wire::NoData>(reply.body);
  if (answer && answer->error) {
    error.message =
        fmt::format("the engine refused it: {}", printable(redact(answer->error->message)));
  }
  return error;
}

/// Of a message that was on its way.
Error perhaps_sent(Error error) {
  const bool unknown = error.code == Code::timeout || error.code == Code::connection_closed;
  if (unknown && error.hint.empty()) error.hint = kPerhapsSent;
  return error;
}

/// Of a claim that has to come before the message.
Error not_sent(Error error) {
  if (error.hint.empty()) error.hint = kNotSent;
  return std::move(error).within("the broker's own identity");
}

}  // namespace

Outbound::Outbound(asio::any_io_executor executor, net::HttpClient& client, Random& random,
                   std::optional<node_control::AgentDirectory> directory, std::string engine,
                   net::Redact redact, node_control::AgentClaim self)
    : client_(client),
      random_(random),
      directory_(std::move(directory)),
      engine_(std::move(engine)),
      redact_(std::move(redact)),
      self_(std::move(self)),
      claimed_(std::move(executor)) {}

asio::awaitable<Result<Secret>> Outbound::own_token(Monotonic by) {
  if (!directory_) {
    co_return fail(Code::not_enrolled, "without the workspace's key only agents can speak",
                   "speak as one of them: --from AGENT; or give serve the key: --workspace-key "
                   "@FILE, or RELAY_BROKER_WORKSPACE_KEY");
  }
  while (claiming_) {
    const Duration left = by - SystemClock().now();
    if (left <= Duration::zero()) {
      co_return fail(Code::timeout, "the broker's own identity is still being claimed", kNotSent);
    }
    (void)co_await claimed_.wait(left);
  }
  if (token_) co_return *token_;
  /// Also when the caller goes away.
  struct Claiming {
    explicit Claiming(Outbound* owner_in) : owner(owner_in) { owner->claiming_ = true; }
    ~Claiming() {
      owner->claiming_ = false;
      owner->claimed_.notify();
    }
    Claiming(const Claiming&) = delete;
    Claiming& operator=(const Claiming&) = delete;
    Outbound* owner;
  };
  const Claiming claiming(this);
  node_control::AgentClaim claim = self_;
  claim.within = by - SystemClock().now();
  auto identity = co_await directory_->claim(std::move(claim));
  if (!identity) co_return fail(not_sent(std::move(identity).error()));
  token_ = std::move(identity->token);
  co_return *token_;
}

asio::awaitable<Result<PublishedMessage>> Outbound::send(OutboundMessage message) {
  const Monotonic by = SystemClock().now() + kWithin;
  const std::string once = uuid_v4(random_);
  if (!message.token.empty()) {
    Secret token = message.token;
    co_return co_await send_as(std::move(message), std::move(token), once, by);
  }
  auto token = co_await own_token(by);
  if (!token) co_return fail(std::move(token).error());
  auto sent = co_await send_as(message, *token, once, by);
  if (sent || sent.error().code != Code::unauthorized) co_return sent;
  // Somebody has made a new one, or the engine has forgotten this one.
  if (token_ == *token) token_.reset();
  token = co_await own_token(by);
  if (!token) co_return fail(std::move(token).error());
  co_return co_await send_as(std::move(message), *std::move(token), once, by);
}

asio::awaitable<Result<PublishedMessage>> Outbound::send_as(OutboundMessage message, Secret token,
                                                            std::string once, Monotonic by) {
  Post to_post = post_of(message);
  auto reply = co_await post(std::move(to_post.path), std::move(to_post.body), std::move(token),
                             std::move(once), by);
  if (!reply) co_return fail(perhaps_sent(std::move(reply).error()));
  if (!reply->ok()) co_return fail(refusal_for(message, *reply, redact_));
  co_return published_of(*reply);
}

asio::awaitable<Result<net::HttpReply>> Outbound::post(std::string path, std::string body,
                                                       Secret token, std::string once,
                                                       Monotonic by) {
  net::HttpCall call("POST", engine_ + path);
  call.headers.set("Content-Type", "application/json");
  if (!once.empty()) call.headers.set("Idempotency-Key", std::move(once));
  call.body = std::move(body);
  co_return co_await ask(std::move(call), std::move(token), by);
}

asio::awaitable<Result<net::HttpReply>> Outbound::ask(net::HttpCall call, Secret token,
                                                      Monotonic by) {
  call.deadline = by - SystemClock().now();
  if (call.deadline <= Duration::zero())
    co_return fail(Code::timeout, "no time is left to send it", kNotSent);
  call.reply_most = kReplyMost;
  call.headers.set("Accept", "application/json");
  call.headers.set("Authorization", "Bearer " + token.reveal());
  call.retry = net::RetryPolicy::standard();
  auto reply = co_await client_.call(std::move(call));
  if (reply) co_return reply;
  Error error = std::move(reply).error();
  const bool unreachable = error.code == Code::engine_unreachable;
  if (!unreachable && error.code != Code::timeout) co_return fail(std::move(error));
  // What it says is "POST URL: cause".
  error.message = fmt::format("the engine at {} {}: {}", engine_,
                              unreachable ? "cannot be reached" : "does not answer", error.cause());
  if (unreachable) error.hint = "relay-broker doctor looks for the cause";
  co_return fail(std::move(error));
}

asio::awaitable<Result<bool>> Outbound::has_message(std::string id, Secret token) {
  const Monotonic by = SystemClock().now() + kWithin;
  if (token.empty()) {
    auto own = co_await own_token(by);
    if (!own) co_return fail(std::move(own).error());
    token = *std::move(own);
  }
  net::HttpCall call("GET", engine_ + "/v1/messages/" + net::path_segment(id));
  const auto reply = co_await ask(std::move(call), std::move(token), by);
  if (!reply) co_return fail(reply.error());
  if (reply->status == 404) co_return false;
  if (!reply->ok()) co_return fail(token_cache::refusal_of(*reply, redact_));
  co_return true;
}

asio::awaitable<Result<void>> Outbound::change_channel(std::string channel, Secret token, bool in) {
  const Monotonic by = SystemClock().now() + kWithin;
  const std::string path = "/v1/channels/" + net::path_segment(channel) + (in ? "/join" : "/leave");
  OutboundMessage about;
  about.to = "#" + channel;
  auto reply = co_await post(path, "{}", token, std::string(), by);
  if (!reply) co_return fail(std::move(reply).error());
  if (reply->ok()) co_return Result<void>();
  const bool missing = token_cache::refusal_code(*reply) == kNoChannel;
  if (missing && !in) co_return Result<void>();
  if (!missing) co_return fail(refusal_for(about, *reply, redact_));
  wire::ChannelCreate wanted;
  wanted.name = channel;
  std::string body = wire::encode_body(wanted);
  reply = co_await post("/v1/channels", std::move(body), token, std::string(), by);
  if (!reply) co_return fail(std::move(reply).error());
  // Somebody else may have made it meanwhile.
  if (!reply->ok() && reply->status != 409) co_return fail(refusal_for(about, *reply, redact_));
  reply = co_await post(path, "{}", std::move(token), std::string(), by);
  if (!reply) co_return fail(std::move(reply).error());
  if (!reply->ok()) co_return fail(refusal_for(about, *reply, redact_));
  co_return Result<void>();
}

}  // namespace relay::broker
