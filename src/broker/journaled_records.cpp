#include "broker/journaled_records.hpp"

#include <algorithm>
#include <utility>

#include "broker/inbound.hpp"

namespace relay::broker {
namespace {

constexpr std::size_t kCountAtOnce = 1000;

StoredMessage stored_of(Message message) {
  StoredMessage out;
  out.key = std::move(message.key);
  out.agent_name = std::move(message.agent_name);
  out.frame = std::move(message.payload);
  out.accepted = message.accepted;
  out.attempts = message.attempts;
  out.begun = message.state != MessageState::accepted;
  out.generation = std::move(message.generation);
  out.local = message.origin != MessageOrigin::engine;
  return out;
}

DeadLetterView view_of(DeadMessage message) {
  DeadLetterView out;
  out.id = message.id;
  out.agent = std::move(message.agent_name);
  out.delivery_id = std::move(message.key.delivery_id);
  out.reason = std::move(message.reason);
  out.attempts = message.attempts;
  out.queued = message.accepted;
  out.died = message.died;
  const auto inbound = read_inbound(message.payload);
  if (!inbound) return out;
  out.from = inbound->letter.sender;
  out.target = inbound->letter.target.empty() ? out.agent : inbound->letter.target;
  out.body = inbound->letter.body;
  return out;
}

Outcome outcome_of(const pty::InjectionOutcome& outcome) {
  switch (outcome.end) {
    case pty::InjectionEnd::submitted: return Outcome::submitted();
    case pty::InjectionEnd::typed: return Outcome::typed();
    case pty::InjectionEnd::dead: break;
  }
  return Outcome::dead(outcome.reason);
}

/// Ends that one call can write.
struct EndGroup {
  std::string generation;
  pty::InjectionOutcome outcome;
  std::vector<MessageKey> keys;

  [[nodiscard]] bool fits(const MessageEnd& end) const {
    const bool same = outcome.end == end.outcome.end && (outcome.end != pty::InjectionEnd::dead ||
                                                         outcome.reason == end.outcome.reason);
    return same && generation == end.generation;
  }
};

std::vector<EndGroup> grouped(std::vector<MessageEnd> ends) {
  std::vector<EndGroup> out;
  for (MessageEnd& end : ends) {
    auto found = std::find_if(out.begin(), out.end(),
                              [&end](const EndGroup& group) { return group.fits(end); });
    if (found == out.end()) {
      EndGroup group;
      group.generation = end.generation;
      group.outcome = end.outcome;
      out.push_back(std::move(group));
      found = std::prev(out.end());
    }
    found->keys.push_back(std::move(end.key));
  }
  return out;
}

}  // namespace

asio::awaitable<Result<void>> JournaledRecords::prepare() {
  std::int64_t after = 0;
  for (;;) {
    const auto some = co_await journal_.dead_letters(after, kCountAtOnce);
    if (!some) co_return fail(some.error());
    if (some->empty()) co_return Result<void>();
    dead_letters_ += some->size();
    after = some->back().id;
  }
}

asio::awaitable<Result<bool>> JournaledRecords::accept(StoredMessage message,
                                                       std::string generation) {
  node_control::Delivery delivery;
  delivery.agent_id = std::move(message.key.agent_id);
  delivery.agent_name = std::move(message.agent_name);
  delivery.delivery_id = std::move(message.key.delivery_id);
  delivery.seq = message.key.seq;
  delivery.payload = std::move(message.frame);
  return journal_.accept_local(std::move(delivery), std::move(generation));
}

asio::awaitable<Result<std::vector<Begun>>> JournaledRecords::begin(std::vector<MessageKey> keys,
                                                                    std::string generation) {
  auto attempts = co_await journal_.begin_attempt(std::move(keys), std::move(generation));
  if (!attempts) co_return fail(std::move(attempts).error());
  std::vector<Begun> out;
  out.reserve(attempts->size());
  for (const Attempt& attempt : *attempts) {
    if (attempt.standing != Attempt::Standing::begun) {
      out.push_back(Begun::not_now);
    } else {
      out.push_back(attempt.may_repeat ? Begun::again : Begun::fresh);
    }
  }
  co_return out;
}

asio::awaitable<Result<void>> JournaledRecords::not_begun(std::vector<MessageKey> keys,
                                                          std::string generation) {
  return journal_.take_back(std::move(keys), std::move(generation));
}

asio::awaitable<Result<void>> JournaledRecords::end(std::vector<MessageEnd> ends) {
  auto groups = grouped(std::move(ends));
  for (EndGroup& group : groups) {
    const bool dead = group.outcome.end == pty::InjectionEnd::dead;
    const std::size_t count = group.keys.size();
    const Outcome outcome = outcome_of(group.outcome);
    if (dead) {
      auto dropped = co_await journal_.drop(group.keys, group.outcome.reason);
      if (!dropped) co_return fail(std::move(dropped).error());
      dead_letters_ += std::min(count, *dropped);
    } else {
      auto written = co_await journal_.finish(group.keys, group.generation, outcome);
      // It has been written before and the answer was lost, or one of them has, or is not there.
      const bool unknown = !written && written.error().code == Code::not_found;
      if (!written && !unknown) co_return written;
      for (std::size_t i = 0; unknown && count > 1 && i < count; ++i) {
        const std::vector<MessageKey> one(1, group.keys[i]);
        auto each = co_await journal_.finish(one, group.generation, outcome);
        if (!each && each.error().code != Code::not_found) co_return each;
      }
    }
    for (const MessageKey& key : group.keys) marks_.forget(key);
  }
  co_return Result<void>();
}

/// What an earlier broker marked about these, which are all that are open.
void JournaledRecords::recall(std::vector<StoredMessage>& messages) {
  if (!marks_.kept()) return;
  std::vector<MessageKey> begun;
  for (StoredMessage& message : messages) {
    const auto stage = marks_.stage_of(message.key);
    if (!marks_.told()) {
      if (message.begun) marks_.typing(message.key);
    } else if (stage == TypingMarks::Stage::ended) {
      message.outcome = marks_.outcome_of(message.key);
      message.begun = true;
    } else {
      message.begun = stage == TypingMarks::Stage::typing;
    }
    if (message.begun) begun.push_back(message.key);
  }
  marks_.forget_all_but(begun);
  marks_.begin();
}

asio::awaitable<Result<std::vector<StoredMessage>>> JournaledRecords::open_messages() {
  auto messages = co_await journal_.open_messages();
  if (!messages) co_return fail(std::move(messages).error());
  std::vector<StoredMessage> out;
  out.reserve(messages->open.size() + messages->ended.size());
  for (Message& message : messages->open) out.push_back(stored_of(std::move(message)));
  recall(out);
  for (MessageKey& key : messages->ended) {
    StoredMessage ended;
    ended.key = std::move(key);
    ended.ended = true;
    out.push_back(std::move(ended));
  }
  co_return out;
}

asio::awaitable<Result<std::vector<DeadLetterView>>> JournaledRecords::dead_letters(
    std::int64_t after, std::size_t most) {
  auto messages = co_await journal_.dead_letters(after, most);
  if (!messages) co_return fail(std::move(messages).error());
  std::vector<DeadLetterView> out;
  out.reserve(messages->size());
  for (DeadMessage& message : *messages) out.push_back(view_of(std::move(message)));
  co_return out;
}

asio::awaitable<Result<StoredMessage>> JournaledRecords::revive(std::int64_t id,
                                                                std::string agent_id) {
  auto message = co_await journal_.redeliver(id, std::move(agent_id));
  if (!message) co_return fail(std::move(message).error());
  dead_letters_ -= std::min<std::size_t>(dead_letters_, 1);
  co_return stored_of(*std::move(message));
}

asio::awaitable<Result<DeadLetterView>> JournaledRecords::dead_letter(std::int64_t id) {
  auto message = co_await journal_.dead_letter(id);
  if (!message) co_return fail(std::move(message).error());
  co_return view_of(*std::move(message));
}

asio::awaitable<Result<void>> JournaledRecords::drop(std::int64_t id) {
  auto removed = co_await journal_.remove_dead_letter(id);
  if (removed) dead_letters_ -= std::min<std::size_t>(dead_letters_, 1);
  co_return removed;
}

asio::awaitable<Result<void>> JournaledRecords::put_agent(StoredAgent agent) {
  AgentRecord record;
  record.name = std::move(agent.name);
  record.agent_id = std::move(agent.agent_id);
  record.generation = std::move(agent.generation);
  record.spec = std::move(agent.request);
  record.started = agent.started;
  record.restarts = agent.restarts;
  return journal_.put_agent(std::move(record));
}

asio::awaitable<Result<void>> JournaledRecords::remove_agent(std::string name) {
  return journal_.remove_agent(std::move(name));
}

asio::awaitable<Result<std::vector<StoredAgent>>> JournaledRecords::agents() {
  auto records = co_await journal_.agents();
  if (!records) co_return fail(std::move(records).error());
  std::vector<StoredAgent> out;
  out.reserve(records->size());
  for (AgentRecord& record : *records) {
    StoredAgent agent;
    agent.name = std::move(record.name);
    agent.agent_id = std::move(record.agent_id);
    agent.generation = std::move(record.generation);
    agent.request = std::move(record.spec);
    agent.started = record.started;
    agent.restarts = record.restarts;
    out.push_back(std::move(agent));
  }
  co_return out;
}

asio::awaitable<Result<void>> JournaledRecords::put_result(std::string invocation_id,
                                                           std::string frame) {
  return journal_.put_result(ActionAnswer(std::move(invocation_id), std::move(frame)));
}

asio::awaitable<Result<void>> JournaledRecords::remove_result(std::string invocation_id) {
  return journal_.remove_result(std::move(invocation_id));
}

asio::awaitable<Result<std::vector<OwedResult>>> JournaledRecords::results() {
  auto answers = co_await journal_.results();
  if (!answers) co_return fail(std::move(answers).error());
  std::vector<OwedResult> out;
  out.reserve(answers->size());
  for (ActionAnswer& answer : *answers) {
    OwedResult owed;
    owed.invocation_id = std::move(answer.invocation_id);
    owed.frame = std::move(answer.body);
    out.push_back(std::move(owed));
  }
  co_return out;
}

asio::awaitable<Result<std::optional<std::string>>> JournaledRecords::remembered(std::string key) {
  return journal_.answer(std::move(key));
}

asio::awaitable<Result<void>> JournaledRecords::remember(std::string key, std::string answer) {
  return journal_.remember_answer(std::move(key), std::move(answer));
}

}  // namespace relay::broker
