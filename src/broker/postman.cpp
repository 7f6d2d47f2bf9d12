#include "broker/postman.hpp"

#include <algorithm>
#include <utility>

#include "base/failpoint.hpp"
#include "base/ids.hpp"
#include "net/timeout.hpp"

namespace relay::broker {
namespace {

constexpr Duration kLookForEnds = std::chrono::hours(1);
/// The disk is out of order: nothing is acknowledged until it takes this.
constexpr Duration kWriteAgain = std::chrono::seconds(1);
constexpr std::size_t kMostEndsAtOnce = 256;
/// What stands before the random part of an id that a broker gives a message, and how long that is.
constexpr std::string_view kOwnId = "http_";
constexpr std::size_t kOwnIdBytes = 16;

/// For an agent without a program that reads.
Error ended_error(const std::string& agent, std::string_view what, std::string hint) {
  Error error(Code::agent_not_found, "the agent " + agent + std::string(what), std::move(hint));
  error.detail = kHasEnded;
  return error;
}

pty::InjectionOutcome dead(std::string reason) {
  pty::InjectionOutcome out;
  out.end = pty::InjectionEnd::dead;
  out.reason = std::move(reason);
  return out;
}

std::string_view type_of(pty::MessageKind kind) {
  switch (kind) {
    case pty::MessageKind::channel: return "message.created";
    case pty::MessageKind::thread: return "thread.reply";
    case pty::MessageKind::group: return "group_dm.received";
    default: return "dm.received";
  }
}

/// A message of this machine in the form in which the engine sends them, so that there is one way
/// to read what is on disk.
std::string frame_of(const std::string& agent, const std::string& delivery_id,
                     const pty::Letter& letter, int priority) {
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_object();
           out.field("v", std::int32_t{1});
           out.field("type", "deliver");
           out.field("delivery_id", delivery_id);
           out.field("agent_id", "");
           out.field("agent", agent);
           out.field("msg_id", letter.id);
           out.field("seq", std::int32_t{0});
           out.field("mode", priority >= kUrgent ? "steer" : "wait");
           out.key("payload");
           out.begin_object();
           out.field("type", type_of(letter.kind));
           out.key("data");
           out.begin_object();
           out.field("id", letter.id);
           out.field("from_name", letter.sender);
           if (letter.target.starts_with('#')) out.field("channel_name", letter.target);
           if (!letter.thread.empty()) out.field("thread_id", letter.thread);
           out.field("text", letter.body);
           out.field("priority", std::int32_t{priority});
           out.end_object();
           out.end_object();
           out.end_object();
         })
      .text();
}

}  // namespace

Postman::Postman(BrokerParts& parts)
    : parts_(parts),
      changed_(parts.executor),
      obligations_(parts.settings.remind_every),
      reminders_changed_(parts.executor) {
  parts_.records.begin_with([this](const std::string& agent_id) {
    const Agent* agent = parts_.roster.by_id(agent_id);
    return agent == nullptr ? std::string() : next_reader(*agent);
  });
}

Postman::~Postman() {
  parts_.records.begin_with({});
}

std::string Postman::next_reader(const Agent& agent) const {
  // With marks of what was typed a beginning that came to nothing leaves no doubt.
  const bool may_begin = parts_.records.keeps_typing() && agent.is_idle();
  return may_begin ? agent.generation() : std::string();
}

Result<Mail> Postman::read(const MessageKey& key, std::string_view frame) {
  auto inbound = read_inbound(frame);
  if (!inbound) return fail(std::move(inbound).error());
  Mail message;
  message.key = key;
  message.number = next_number_++;
  message.inbound = *std::move(inbound);
  message.accepted = parts_.clock.wall();
  return message;
}

void Postman::surfaced(node_control::Delivery delivery) {
  MessageKey key(delivery.agent_id, delivery.delivery_id, delivery.seq);
  auto message = read(key, delivery.payload);
  if (!message) {
    // It was read once already, by the session; what cannot be read now never will be.
    Mail broken;
    broken.key = std::move(key);
    return queue_end(broken, dead("unreadable"));
  }
  message->generation = parts_.records.begun_by(message->key);
  message->begun = !message->generation.empty();
  if (message->inbound.what != InboundClass::inject) return end_notice(*message);
  Agent* agent = parts_.roster.by_id(delivery.agent_id);
  if (agent == nullptr && parts_.roster.reservation(delivery.agent_name) != nullptr) {
    early_[delivery.agent_name].push_back(*std::move(message));
    return;
  }
  // Nobody here waits to hear of it: the dead letter says it.
  (void)deliver(agent, *std::move(message), "agent_gone");
}

void Postman::end_notice(const Mail& message) {
  const Inbound& notice = message.inbound;
  obligations_.reacted(notice.reacted_to, notice.letter.sender, notice.emoji);
  pty::InjectionOutcome nothing_to_type;
  nothing_to_type.end = pty::InjectionEnd::typed;
  nothing_to_type.reason = "notice";
  queue_end(message, std::move(nothing_to_type));
}

void Postman::started(const std::string& name) {
  auto waiting = early_.extract(name);
  if (!waiting) return;
  for (Mail& message : waiting.mapped()) {
    Agent* agent = parts_.roster.by_id(message.key.agent_id);
    (void)deliver(agent, std::move(message), "agent_gone");
  }
}

Result<void> Postman::deliver(Agent* agent, Mail message, std::string_view reason_if_gone) {
  if (agent == nullptr || !agent->takes_messages()) {
    const std::string name = agent == nullptr ? message.key.agent_id : agent->name();
    tell_dead(agent, message, std::string(reason_if_gone));
    queue_end(message, dead(std::string(reason_if_gone)));
    return fail(ended_error(name, " has ended: the message is a dead letter now",
                            "relay-broker dead-letters lists it, and sends it again"));
  }
  const Mail copy = message;
  const pty::Letter& letter = copy.inbound.letter;
  remember(copy.inbound.event_id);
  parts_.events.add("relay_inbound", [&](JsonWriter& out) {
    out.field("event_id", copy.inbound.event_id);
    out.field("from", letter.sender);
    out.field("target", letter.target.empty() ? agent->name() : letter.target);
    out.field("body", letter.body);
    out.key("thread_id");
    if (letter.thread.empty()) {
      out.null();
    } else {
      out.value(letter.thread);
    }
    out.field("workspace_id", parts_.settings.workspace_id);
    out.key("workspace_alias");
    out.null();
  });
  auto taken = agent->accept(std::move(message));
  if (!taken) {
    tell_dead(agent, copy, "queue_full");
    queue_end(copy, dead("queue_full"));
    return taken;
  }
  obligations_.queued(parts_.clock.now(), agent->name(), copy.inbound.event_id, letter.sender,
                      letter.body);
  if (obligations_.next_deadline()) reminders_changed_.notify();
  parts_.events.add("delivery_queued", [&](JsonWriter& out) {
    out.field("name", agent->name());
    out.field("delivery_id", copy.key.delivery_id);
    out.field("event_id", copy.inbound.event_id);
    if (agent->mailbox().mode() == DeliveryMode::manual_flush) {
      out.field("from", copy.inbound.letter.sender);
      out.field("target", agent->name());
      out.field("reason", "inbound_delivery_manual_flush");
    }
    out.field("timestamp", unix_ms(parts_.clock.wall()));
  });
  return {};
}

asio::awaitable<Result<std::string>> Postman::post(std::shared_ptr<Agent> agent, pty::Letter letter,
                                                   int priority) {
  if (letter.body.size() > pty::kMostBody) {
    co_return fail(Code::too_large, "a message has at most 4 MiB");
  }
  if (agent->leaving) {
    co_return fail(ended_error(agent->name(), " is being released",
                               "once relay-broker status has it no more, spawn it again"));
  }
  if (!agent->takes_messages()) {
    co_return fail(ended_error(agent->name(), " has ended", "spawn it again, or release it"));
  }
  auto room = agent->mailbox().hold_room(letter.body.size());
  if (!room) co_return fail(std::move(room).error());
  if (letter.id.empty()) letter.id = random_hex(kOwnId, kOwnIdBytes, parts_.random);
  StoredMessage stored;
  stored.key.agent_id = agent->name();
  stored.key.delivery_id = random_hex("local_", 16, parts_.random);
  stored.agent_name = agent->name();
  stored.frame = frame_of(agent->name(), stored.key.delivery_id, letter, priority);
  stored.accepted = parts_.clock.wall();
  stored.local = true;
  auto message = read(stored.key, stored.frame);
  if (!message) co_return fail(std::move(message).error());
  message->local = true;
  std::string generation = next_reader(*agent);
  auto kept = co_await parts_.records.accept(std::move(stored), generation);
  if (!kept) co_return fail(std::move(kept).error());
  message->begun = *kept;
  if (*kept) message->generation = std::move(generation);
  room->give_back();
  auto delivered = deliver(agent.get(), *std::move(message), "agent_released");
  if (!delivered) co_return fail(std::move(delivered).error());
  co_return letter.id;
}

Result<void> Postman::restore(StoredMessage stored) {
  if (stored.ended) {
    parts_.engine->done(stored.key.agent_id, stored.key.seq, stored.key.delivery_id);
    return {};
  }
  auto message = read(stored.key, stored.frame);
  if (!message) {
    Mail broken;
    broken.key = stored.key;
    broken.local = stored.local;
    queue_end(broken, dead("unreadable"));
    return fail(std::move(message).error());
  }
  message->accepted = stored.accepted;
  message->attempts = stored.attempts;
  message->recovering = stored.begun;
  message->local = stored.local;
  if (message->inbound.what != InboundClass::inject) {
    message->generation = stored.generation;
    end_notice(*message);
    return {};
  }
  if (stored.outcome) {
    message->generation = stored.generation;
    queue_end(*message, *stored.outcome, stored.agent_name);
    return {};
  }
  Agent* agent = stored.local && stored.agent_name == stored.key.agent_id
                     ? parts_.roster.find(stored.agent_name).get()
                     : parts_.roster.by_id(stored.key.agent_id);
  return deliver(agent, *std::move(message), "worker_exited");
}

asio::awaitable<Result<void>> Postman::redeliver(std::int64_t id) {
  const auto letter = co_await parts_.records.dead_letter(id);
  if (!letter) co_return fail(letter.error());
  const auto agent = parts_.roster.find(letter->agent);
  if (!agent || !agent->takes_messages()) {
    co_return fail(Code::agent_not_found, "the agent " + letter->agent + " is not here",
                   "spawn it first, or drop the letter");
  }
  auto room = agent->mailbox().hold_room(letter->body.size());
  if (!room) co_return fail(std::move(room).error());
  auto stored = co_await parts_.records.revive(id, agent->agent_id);
  if (!stored) co_return fail(std::move(stored).error());
  room->give_back();
  co_return restore(*std::move(stored));
}

void Postman::ended(Agent& agent, Mail message, pty::InjectionOutcome outcome) {
  const auto about = [&](JsonWriter& out) {
    out.field("name", agent.name());
    out.field("delivery_id", message.key.delivery_id);
    out.field("event_id", message.inbound.event_id);
  };
  if (outcome.end == pty::InjectionEnd::dead) {
    parts_.events.add("delivery_failed", [&](JsonWriter& out) {
      about(out);
      out.field("reason", outcome.reason);
    });
    tell_dead(&agent, message, outcome.reason);
  } else {
    parts_.events.add("delivery_ack", [&](JsonWriter& out) {
      about(out);
      out.field("timestamp", unix_ms(parts_.clock.wall()));
    });
    parts_.events.add("delivery_verified", [&](JsonWriter& out) {
      about(out);
      const bool proven = outcome.end == pty::InjectionEnd::submitted;
      out.field("verification", proven ? "echo" : "timeout_fallback");
      out.field("reason", proven ? name_of(outcome.proof) : std::string_view(outcome.reason));
    });
    // Its terminal has it, which is no reader.
    if (outcome.reason != pty::kNotRead) {
      parts_.events.add("message_delivery_confirmed", [&](JsonWriter& out) {
        about(out);
        out.field("from", message.inbound.letter.sender);
        out.field("to", agent.name());
      });
    }
  }
  queue_end(message, std::move(outcome), agent.name());
}

void Postman::tell_dead(Agent* agent, const Mail& message, const std::string& reason) {
  if (agent != nullptr) agent->count_dead();
  const std::string name = agent == nullptr ? message.key.agent_id : agent->name();
  parts_.events.add("message_delivery_failed", [&](JsonWriter& out) {
    out.field("name", name);
    out.field("delivery_id", message.key.delivery_id);
    out.field("event_id", message.inbound.event_id);
    out.field("from", message.inbound.letter.sender);
    out.field("to", name);
    out.field("attempts", message.attempts);
    out.field("lastError", reason);
  });
  parts_.events.add("dead_letter_added", [&](JsonWriter& out) {
    out.field("name", name);
    out.field("delivery_id", message.key.delivery_id);
    out.field("reason", reason);
  });
}

std::size_t Postman::bury(Agent& agent, std::string reason) {
  const auto messages = agent.mailbox().drain();
  for (const Mail& message : messages) {
    tell_dead(&agent, message, reason);
    queue_end(message, dead(reason));
  }
  if (messages.empty()) return 0;
  parts_.events.add("delivery_dropped", [&](JsonWriter& out) {
    out.field("name", agent.name());
    out.field("count", static_cast<std::uint64_t>(messages.size()));
    out.field("reason", reason);
  });
  return messages.size();
}

bool Postman::may_have_carried(const std::string& id) const {
  if (carried_.contains(id)) return true;
  return is_random_hex(id, kOwnId, kOwnIdBytes);
}

void Postman::remember(const std::string& id) {
  if (id.empty() || !carried_.insert(id).second) return;
  carried_order_.push_back(id);
  if (carried_order_.size() <= kMostCarried) return;
  carried_.erase(carried_order_.front());
  carried_order_.pop_front();
}

void Postman::queue_end(const Mail& message, pty::InjectionOutcome outcome, std::string agent) {
  End end;
  end.agent = std::move(agent);
  end.number = message.number;
  end.end.generation = message.generation;
  end.end.key = message.key;
  end.end.outcome = std::move(outcome);
  end.local = message.local;
  ends_.push_back(std::move(end));
  changed_.notify();
}

asio::awaitable<void> Postman::work() {
  for (;;) {
    if (ends_.empty()) {
      (void)co_await changed_.wait(kLookForEnds);
      continue;
    }
    const std::size_t count = std::min(ends_.size(), kMostEndsAtOnce);
    std::vector<MessageEnd> batch;
    batch.reserve(count);
    for (std::size_t i = 0; i < count; ++i) batch.push_back(ends_[i].end);
    failpoint(Failpoint::before_end);
    const auto written = co_await parts_.records.end(std::move(batch));
    failpoint(Failpoint::ended);
    if (!written) {
      co_await net::pause(kWriteAgain);
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const End end = std::move(ends_.front());
      ends_.pop_front();
      const MessageKey& key = end.end.key;
      if (!end.local) parts_.engine->done(key.agent_id, key.seq, key.delivery_id);
      if (const auto agent = parts_.roster.find(end.agent)) agent->end_kept(end.number);
    }
    changed_.notify();
  }
}

asio::awaitable<void> Postman::remind() {
  for (;;) {
    const auto next = obligations_.next_deadline();
    const Duration wait = next ? *next - parts_.clock.now() : kLookForEnds;
    if (wait > Duration::zero()) (void)co_await reminders_changed_.wait(wait);
    const auto due = obligations_.due(parts_.clock.now());
    for (const Obligations::Reminder& reminder : due) {
      const auto agent = parts_.roster.find(reminder.agent);
      if (!agent) continue;
      pty::Letter letter;
      letter.kind = pty::MessageKind::system;
      letter.sender = "broker";
      letter.body = std::string(Obligations::kReminderMark) + reminder.message_id + " " +
                    reminder.author + " waits for the end of message " + reminder.message_id;
      auto posting = post(agent, std::move(letter), 3);
      // The next one comes, or the last was enough.
      (void)co_await std::move(posting);
    }
  }
}

asio::awaitable<void> Postman::settle(Duration at_most) {
  const Monotonic deadline = parts_.clock.now() + at_most;
  while (!ends_.empty()) {
    const Duration left = deadline - parts_.clock.now();
    if (left <= Duration::zero()) co_return;
    (void)co_await changed_.wait(left);
  }
}

}  // namespace relay::broker
