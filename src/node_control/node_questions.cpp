#include "node_control/node_questions.hpp"

#include <utility>

#include "base/printable.hpp"
#include "base/redaction.hpp"
#include "net/event.hpp"
#include "net/timeout.hpp"

namespace relay::node_control {
namespace {

/// A waiter is woken by the reply book; it looks again on its own this often.
constexpr Duration kLookForAnswers = std::chrono::minutes(10);
/// Who was told to give up leaves within a turn of the loop.
constexpr Duration kLeaving = std::chrono::milliseconds(1);
constexpr std::size_t kLongestRefusal = 300;
/// How long an engine that cannot do something now is left alone.
constexpr std::chrono::milliseconds kAskAgain = std::chrono::seconds(5);

}  // namespace

struct NodeQuestions::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : changed(executor) {}
  std::optional<Outcome> outcome;
  net::Event changed;
};

/// Takes the waiter off the list on every way out, cancellation included.
class NodeQuestions::Waiting {
 public:
  Waiting(NodeQuestions* questions, std::string id) : questions_(questions), id_(std::move(id)) {}
  ~Waiting() {
    questions_->book_.abandon(id_);
    questions_->waiters_.erase(id_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  NodeQuestions* questions_;
  std::string id_;
};

NodeQuestions::NodeQuestions(asio::any_io_executor executor, Clock& clock, Undo undo)
    : executor_(std::move(executor)), clock_(clock), undo_(std::move(undo)) {}

Result<void> NodeQuestions::ask_registration(const std::string& id, const std::string& agent_name) {
  auto asked = book_.ask_registration(clock_.now(), id, agent_name);
  if (!asked) return asked;
  waiters_.emplace(id, std::make_shared<Waiter>(executor_));
  return {};
}

void NodeQuestions::forget(const std::string& id) {
  book_.abandon(id);
  waiters_.erase(id);
}

asio::awaitable<Result<wire::AgentRegistered>> NodeQuestions::wait(std::string id) {
  const Waiting waiting(this, id);
  const auto waiter = waiters_.at(id);
  while (!waiter->outcome) co_await waiter->changed.wait(kLookForAnswers);
  co_return std::move(*waiter->outcome);
}

bool NodeQuestions::received(const wire::Reply& reply) {
  auto data = wire::decode_body<wire::AgentRegistered>(reply.data.text());
  ReplyFrame frame;
  frame.id = reply.id;
  frame.ok = true;
  if (data) {
    frame.agent_id = data->agent_id;
    frame.agent_name = data->name.value_or(std::string());
  }
  Outcome outcome = std::move(data);
  if (!outcome) {
    outcome = fail(std::move(outcome).error().within("invalid_agent_register_reply_data"));
  }
  return apply(book_.received(frame), outcome);
}

bool NodeQuestions::received(const wire::ErrorFrame& error) {
  ReplyFrame frame;
  frame.id = error.id;
  frame.code = error.code;
  frame.message = error.message;
  const Outcome outcome = fail(engine_refusal(error));
  return apply(book_.received(frame), outcome);
}

void NodeQuestions::disconnected() {
  const Outcome none = fail(Code::internal_error, "no answer");
  (void)apply(book_.disconnected(), none);
}

void NodeQuestions::on_time() {
  const Outcome none = fail(Code::internal_error, "no answer");
  (void)apply(book_.on_time(clock_.now()), none);
}

void NodeQuestions::give_up(const Error& error) {
  (void)book_.disconnected();
  for (const auto& [id, waiter] : waiters_) {
    if (waiter->outcome) continue;
    waiter->outcome = fail(error);
    waiter->changed.notify();
  }
}

asio::awaitable<void> NodeQuestions::left() {
  while (!waiters_.empty()) co_await net::pause(kLeaving);
}

void NodeQuestions::settle(const std::string& id, Outcome outcome) {
  const auto waiter = waiters_.find(id);
  if (waiter == waiters_.end() || waiter->second->outcome) return;
  waiter->second->outcome = std::move(outcome);
  waiter->second->changed.notify();
}

bool NodeQuestions::apply(const ReplyBook::Actions& actions, const Outcome& outcome) {
  bool matched = true;
  for (const auto& action : actions) {
    if (const auto* answer = std::get_if<Answer>(&action)) {
      settle(answer->id, outcome);
    } else if (const auto* given_up = std::get_if<GiveUp>(&action)) {
      settle(given_up->id, fail(given_up->error));
    } else if (const auto* undo = std::get_if<Compensate>(&action)) {
      undo_(*undo);
    } else {
      matched = false;
    }
  }
  return matched;
}

Error engine_refusal(const wire::ErrorFrame& frame) {
  const std::string message = frame.message.substr(0, kLongestRefusal);
  if (frame.code == "unavailable") {
    Error later(Code::relay_deferred,
                "the engine cannot do this now: " + printable(redact(message)),
                "free space on the engine's disk if it is full, then try again");
    later.retry_after = kAskAgain;
    return later;
  }
  Code code = Code::engine_error;
  if (frame.code == "agent_location_conflict" || frame.code == "node_name_conflict") {
    code = Code::name_conflict;
  } else if (frame.code == "node_capacity_exceeded") {
    code = Code::queue_full;
  } else if (frame.code == "node_id_mismatch") {
    code = Code::forbidden;
  } else if (frame.code == "node_not_found") {
    code = Code::node_not_found;
  }
  const std::string words = frame.code + ": " + message;
  std::string hint;
  if (frame.code == "agent_location_conflict") {
    hint = "choose another name, or release the agent at its broker first";
  } else if (frame.code == "node_capacity_exceeded") {
    hint = "release an agent, or start the broker with a higher --max-agents";
  }
  return {code, "the engine refused: " + printable(redact(words)), std::move(hint)};
}

}  // namespace relay::node_control
