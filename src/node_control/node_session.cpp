#include "node_control/node_session.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/printable.hpp"
#include "base/redaction.hpp"
#include "net/timeout.hpp"

namespace relay::node_control {
namespace {

/// How often a task looks again that nothing wakes.
constexpr Duration kLookAgain = std::chrono::minutes(10);
/// A deadline that stays in the past must not become a busy loop.
constexpr Duration kShortest = std::chrono::milliseconds(1);

NodeConversation::Hooks conversation_hooks(std::function<void()> accepted,
                                           std::function<void()> wake) {
  NodeConversation::Hooks hooks;
  hooks.accepted = std::move(accepted);
  hooks.wake = std::move(wake);
  return hooks;
}

/// What the failure to get a token would have been as an answer over HTTP; 0 for what passes.
int status_of(Code code) {
  switch (code) {
    case Code::not_enrolled:
    case Code::invalid_argument:
    case Code::unsafe_file: return 400;
    case Code::unauthorized:
    case Code::token_rejected: return 401;
    case Code::forbidden: return 403;
    case Code::not_found:
    case Code::node_not_found: return 404;
    case Code::conflict:
    case Code::name_conflict: return 409;
    case Code::rate_limited: return 429;
    default: return 0;
  }
}

ConnectFailure mint_failure(const Error& error) {
  ConnectFailure failure;
  failure.step = ConnectFailure::Step::mint;
  failure.status = status_of(error.code);
  failure.reason = error.message;
  if (error.retry_after) failure.retry_after = *error.retry_after;
  return failure;
}

}  // namespace

NodeSession::NodeSession(asio::any_io_executor executor, Clock& clock, Random& random,
                         NodeTokens& tokens, BookStore& store, NodeHandler& handler,
                         NodeOptions options)
    : clock_(clock),
      tokens_(tokens),
      handler_(handler),
      options_(std::move(options)),
      dialer_(options_, random),
      policy_(random, tokens.may_mint()),
      wake_(executor),
      conversation_(executor, clock, random, handler, store, options_,
                    conversation_hooks([this] { accepted(); }, [this] { wake_.notify(); })),
      group_(std::move(executor)) {
  subscribers_.add([this](const TunnelReport& report) { handler_.tunnel(report); });
}

asio::awaitable<Result<void>> NodeSession::start() {
  auto restored = co_await conversation_.deliveries().restore();
  if (!restored) co_return restored;
  group_.spawn(conversation_.deliveries().work());
  group_.spawn(keep_time());
  group_.spawn(live());
  const auto end = SystemClock().now() + options_.start_within;
  while (!first_try_) {
    const auto left = end - SystemClock().now();
    if (left <= Duration::zero()) co_return Result<void>();
    co_await wake_.wait(left);
  }
  co_return *first_try_;
}

asio::awaitable<void> NodeSession::stop(Farewell farewell) {
  co_await net::shielded();
  leaving_ = true;
  conversation_.questions().give_up(
      Error(Code::cancelled, "node_control_shutdown: the broker ends"));
  co_await conversation_.deliveries().finish(options_.leave_within / 2);
  co_await conversation_.leave(farewell);
  tell(tunnel_.leaving(clock_.wall()));
  conversation_.group().cancel();
  co_await conversation_.group().join();
  group_.cancel();
  co_await group_.join();
  // Whoever waited for an answer has read it before the session may go.
  co_await conversation_.questions().left();
}

// The life of the session: try, be connected, wait, try again.

asio::awaitable<void> NodeSession::live() {
  while (!leaving_) {
    next_try_.reset();
    ++tries_;
    tell(tunnel_.trying(clock_.now(), clock_.wall()));
    const NodeEnd end = co_await once();
    if (leaving_) co_return;
    const NextTry next = judge(end);
    if (first_try_ && !*first_try_) co_return;
    co_await rest(next.wait);
  }
}

asio::awaitable<NodeEnd> NodeSession::once() {
  if (!token_) {
    auto end = co_await find_token();
    if (!token_) co_return end;
  }
  NodeEnd end;
  auto outcome = co_await dialer_.dial(token_->token);
  if (!outcome.link) {
    end.error = *std::move(outcome.error);
    end.failure = std::move(outcome.failure);
    co_return end;
  }
  NodeToken token = *token_;
  end = co_await conversation_.run(std::move(outcome.link), std::move(token));
  co_return end;
}

/// Sets the token, or says why there is none.
asio::awaitable<NodeEnd> NodeSession::find_token() {
  NodeEnd end;
  auto work = tokens_.get();
  auto found =
      co_await net::with_timeout(std::move(work), options_.token_within, "getting a node token");
  if (!found) {
    end.error = std::move(found).error();
    end.error.message = printable(redact(end.error.message));
    end.failure = mint_failure(end.error);
    co_return end;
  }
  if (rejected_ && !(found->token == *rejected_) && policy_.hard_error()) policy_.token_replaced();
  token_ = *std::move(found);
  identity_ = *token_;
  identity_.token = Secret();
  if (identity_.node_name.empty()) identity_.node_name = options_.node_name;
  co_return end;
}

NextTry NodeSession::judge(const NodeEnd& end) {
  const bool had_hard_error = policy_.hard_error().has_value();
  const NextTry next = end.accepted ? policy_.lost(clock_.now()) : policy_.failed(end.failure);
  last_error_ = end.error;
  tell(tunnel_.lost(clock_.now(), clock_.wall()));
  note(NoteLevel::warning,
       fmt::format("{}: {}; the next try is in {} ms",
                   end.accepted ? "the connection ended" : "no connection", end.error.message,
                   std::chrono::duration_cast<std::chrono::milliseconds>(next.wait).count()));
  const bool connecting = end.failure.step == ConnectFailure::Step::connect;
  if (connecting && end.failure.status == 401) reject_token(next.mint);
  if (!had_hard_error && policy_.hard_error()) {
    note(NoteLevel::error, policy_.hard_error()->message);
  }
  // A refused token is replaced first; only then the try has ended.
  if (first_try_ || next.mint) return next;
  if (ReconnectPolicy::judge_start(end.failure) == Start::fail) {
    first_try_ended(fail(end.error));
  } else {
    first_try_ended(Result<void>());
  }
  return next;
}

/// Without `mint` the same token is asked for again: somebody may have put another in its place.
void NodeSession::reject_token(bool mint) {
  if (mint) {
    const auto gone = tokens_.discard(*token_);
    if (!gone) note(NoteLevel::error, "cannot forget the token: " + gone.error().message);
  }
  rejected_ = token_->token;
  token_.reset();
}

void NodeSession::accepted() {
  policy_.established(clock_.now());
  rejected_.reset();
  last_error_.reset();
  tell(tunnel_.accepted(clock_.now(), clock_.wall()));
  first_try_ended(Result<void>());
}

void NodeSession::first_try_ended(Result<void> how) {
  if (!first_try_) first_try_ = std::move(how);
  wake_.notify();
}

asio::awaitable<void> NodeSession::rest(Duration wait) {
  next_try_ = clock_.now() + wait;
  while (!leaving_ && next_try_ && clock_.now() < *next_try_) {
    co_await wake_.wait(std::min(*next_try_ - clock_.now(), kLookAgain));
  }
}

/// Everything with a deadline, for as long as the session lives.
asio::awaitable<void> NodeSession::keep_time() {
  for (;;) {
    conversation_.on_time();
    if (!leaving_) tell(tunnel_.on_time(clock_.now(), clock_.wall()));
    Monotonic next = clock_.now() + kLookAgain;
    if (const auto at = conversation_.next_deadline()) next = std::min(next, *at);
    if (const auto at = tunnel_.next_deadline()) next = std::min(next, *at);
    co_await wake_.wait(std::max(next - clock_.now(), kShortest));
  }
}

void NodeSession::tell(const TunnelState::Report& report) {
  if (!report) return;
  const std::size_t failed = subscribers_.tell(*report);
  if (failed > 0) note(NoteLevel::error, "a subscriber of the tunnel's state failed");
}

// For the broker

asio::awaitable<Result<wire::AgentRegistered>> NodeSession::register_agent(AgentWish wish) {
  if (!leaving_ && !conversation_.accepted()) {
    const std::string why = last_error_ ? ": " + last_error_->message : std::string();
    co_return fail(Code::node_not_ready,
                   "node_control_disconnected: the node is not connected to the engine" + why,
                   "relay-broker doctor looks for the cause");
  }
  if (leaving_) co_return fail(Code::cancelled, "node_control_shutdown: the broker ends");
  co_return co_await conversation_.register_agent(std::move(wish));
}

void NodeSession::adopt_agent(const std::string& agent_id, const std::string& name) {
  conversation_.deliveries().registered(agent_id, name, std::nullopt);
}

Result<void> NodeSession::deregister_agent(const std::string& agent_id, const std::string& name) {
  return conversation_.deregister_agent(agent_id, name);
}

void NodeSession::done(const std::string& agent_id, std::uint64_t seq,
                       std::string_view delivery_id) {
  conversation_.deliveries().done(agent_id, seq, delivery_id);
}

void NodeSession::failed(const std::string& agent_id, std::uint64_t seq,
                         const std::string& delivery_id) {
  conversation_.deliveries().failed(agent_id, seq, delivery_id);
}

bool NodeSession::finish(const std::string& invocation_id,
                         std::variant<wire::Json, std::string> outcome) {
  return conversation_.finish(invocation_id, std::move(outcome));
}

bool NodeSession::restore_result(const std::string& invocation_id, std::string frame) {
  return conversation_.restore_result(invocation_id, std::move(frame));
}

void NodeSession::inventory_changed() {
  conversation_.inventory_changed();
}

void NodeSession::load_changed() {
  conversation_.load_changed();
}

void NodeSession::set_manifest(NodeManifest manifest) {
  conversation_.set_manifest(std::move(manifest));
}

void NodeSession::try_now() {
  policy_.token_replaced();
  next_try_.reset();
  wake_.notify();
}

void NodeSession::on_tunnel(TunnelSubscribers::Subscriber subscriber) {
  subscribers_.add(std::move(subscriber));
}

NodeStatus NodeSession::status() const {
  NodeStatus status;
  status.counters.tries = tries_;
  conversation_.fill(status);
  status.tunnel = tunnel_.state();
  status.node_id = identity_.node_id;
  status.node_name = identity_.node_name;
  status.hard_error = policy_.hard_error();
  status.last_error = last_error_;
  if (next_try_) status.next_try_in = std::max(*next_try_ - clock_.now(), Duration::zero());
  return status;
}

}  // namespace relay::node_control
