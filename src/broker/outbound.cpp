#include "broker/outbound.hpp"

#include <chrono>
#include <utility>

#include "base/ids.hpp"
#include "net/url.hpp"
#include "token_cache/engine_reply.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"

namespace relay::broker {
namespace {

constexpr Duration kWithin = std::chrono::seconds(20);
constexpr std::size_t kReplyMost = std::size_t{1} << 20U;

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
Result<std::string> id_of(const net::HttpReply& reply) {
  const auto document = wire::JsonDocument::parse(reply.body, wire::kEngineLimits);
  if (!document) return fail(token_cache::nonsense(reply, document.error()));
  const auto id = document->root().at("/data/id");
  const auto text = id ? id->string() : std::nullopt;
  if (text) return std::string(*text);
  return fail(token_cache::nonsense(reply, Error(Code::protocol_error, "it has no id")));
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
                   "give serve the key: --workspace-key @FILE, or RELAY_BROKER_WORKSPACE_KEY");
  }
  while (claiming_) {
    const Duration left = by - SystemClock().now();
    if (left <= Duration::zero()) {
      co_return fail(Code::timeout, "the broker's own identity is still being claimed");
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
  if (!identity) co_return fail(std::move(identity).error().within("the broker's own identity"));
  token_ = std::move(identity->token);
  co_return *token_;
}

asio::awaitable<Result<std::string>> Outbound::send(OutboundMessage message) {
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

asio::awaitable<Result<std::string>> Outbound::send_as(OutboundMessage message, Secret token,
                                                       std::string once, Monotonic by) {
  Post post = post_of(message);
  net::HttpCall call("POST", engine_ + post.path);
  call.deadline = by - SystemClock().now();
  if (call.deadline <= Duration::zero())
    co_return fail(Code::timeout, "no time is left to send it");
  call.reply_most = kReplyMost;
  call.headers.set("Accept", "application/json");
  call.headers.set("Content-Type", "application/json");
  call.headers.set("Authorization", "Bearer " + token.reveal());
  call.headers.set("Idempotency-Key", std::move(once));
  call.retry = net::RetryPolicy::standard();
  call.body = std::move(post.body);
  auto reply = co_await client_.call(std::move(call));
  if (!reply) co_return fail(std::move(reply).error());
  if (!reply->ok()) co_return fail(token_cache::refusal_of(*reply, redact_));
  co_return id_of(*reply);
}

}  // namespace relay::broker
