// What may be asked of a broker.
#include <algorithm>
#include <tuple>
#include <unistd.h>
#include <utility>

#include "base/backoff.hpp"
#include "base/ids.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "broker/broker.hpp"
#include "net/timeout.hpp"
#include "pty/injection/sanitise.hpp"

namespace relay::broker {
namespace {

/// Between tries to enter or leave a channel at the engine, of which there are so many.
constexpr Duration kChannelAgain = std::chrono::seconds(1);
constexpr Duration kChannelAgainMost = std::chrono::minutes(1);
constexpr int kChannelTries = 8;

constexpr Duration kInputWithin = std::chrono::seconds(5);

Error no_agent(const std::string& name) {
  return {Code::agent_not_found, "there is no agent called " + name,
          "relay-broker status lists the agents"};
}

bool is_in(const std::vector<std::string>& channels, std::string_view channel) {
  return std::any_of(channels.begin(), channels.end(), [channel](const std::string& one) {
    return equal_ignoring_case(one, channel);
  });
}

std::string without_sign(std::string_view channel) {
  if (channel.starts_with('#')) channel.remove_prefix(1);
  return std::string(trim(channel));
}

Error no_channel(const std::string& name) {
  return {Code::not_found, "nobody is in a channel " + name,
          "relay-broker spawn --channel puts an agent into one"};
}

/// Of an agent whose terminal is not ours.
Error no_terminal(const Agent& agent) {
  if (agent.request().guest_control.empty()) return no_agent(agent.name());
  const AgentView view = agent.view();
  std::string where = agent.name() + " runs in a terminal of its own";
  if (!view.terminal.empty()) where += ", " + printable(view.terminal);
  return {Code::invalid_argument, std::move(where),
          "look at it there; relay-broker send " + agent.name() + " TEXT types into it"};
}

/// What was asked for was not done.
Error is_ending() {
  return {Code::node_not_ready, "the broker is ending"};
}

}  // namespace

Result<std::shared_ptr<Agent>> Broker::known(const std::string& name) {
  auto found = parts_.roster.find(name);
  if (!found) return fail(no_agent(name));
  return found;
}

asio::awaitable<Result<SpawnedAgent>> Broker::spawn(SpawnRequest request) {
  if (draining_) co_return fail(is_ending());
  auto made = co_await spawner_.spawn(std::move(request));
  spawned_ += made ? 1 : 0;
  co_return made;
}

asio::awaitable<Result<ReleasedAgent>> Broker::release(ReleaseRequest request) {
  return releaser_.release(std::move(request));
}

std::vector<AgentView> Broker::agents() {
  std::vector<AgentView> out;
  for (const auto& agent : parts_.roster.all()) out.push_back(agent->view());
  return out;
}

Result<AgentView> Broker::agent(const std::string& name) {
  const auto found = known(name);
  if (!found) return fail(found.error());
  return (*found)->view();
}

BrokerView Broker::broker() {
  BrokerView out;
  out.instance = parts_.settings.instance;
  out.version = parts_.settings.version;
  out.pid = ::getpid();
  out.state_dir = parts_.settings.state_dir.string();
  out.engine = parts_.settings.engine;
  out.workspace_id = parts_.settings.workspace_id;
  out.tunnel_off = parts_.settings.engine.empty();
  out.node = parts_.engine->status();
  out.uptime = parts_.clock.now() - started_;
  for (const auto& agent : parts_.roster.all()) out.pending += agent->mailbox().size();
  out.dead_letters = parts_.records.dead_letter_count();
  out.spawned = spawned_;
  out.crashes = crash_count_;
  out.restarts = restarts_;
  out.draining = draining_;
  return out;
}

/// `not_found` for a message of which neither this broker nor the engine can know.
/// Good when the engine cannot be asked.
asio::awaitable<Result<void>> Broker::find_message(std::string id, std::string for_whom) {
  if (postman_.may_have_carried(id)) co_return Result<void>();
  const auto agent = parts_.roster.speaker(for_whom);
  const Secret token = agent ? agent->token : Secret();
  const auto there = co_await parts_.engine->has_message(id, token);
  if (!there || *there) co_return Result<void>();
  co_return fail(Code::not_found, "there is no message " + printable(id) + " to answer",
                 "its id stands in the header of the message, and in what send prints");
}

/// A channel has members at other brokers: the engine tells all of them, ours too. Nothing when
/// only those here can be told; `warning` says why, if that leaves somebody out.
asio::awaitable<std::optional<Result<SentMessage>>> Broker::send_to_channel(SendRequest request,
                                                                            std::string* warning) {
  auto sent = co_await publish(std::move(request));
  if (sent) co_return sent;
  const Error& why = sent.error();
  if (why.detail == kNoChannel) co_return std::nullopt;
  if (why.code != Code::not_enrolled) co_return sent;
  *warning = "only agents of this broker got it: " + why.message;
  co_return std::nullopt;
}

asio::awaitable<Result<SentMessage>> Broker::send(SendRequest request) {
  if (request.from_agent && parts_.roster.speaker(request.from) == nullptr) {
    Error nobody(Code::agent_not_found, "the sender " + request.from + " is no agent here",
                 "relay-broker status lists the agents; without --from it comes from you");
    nobody.detail = kNoSender;
    co_return fail(std::move(nobody));
  }
  pty::Letter letter;
  letter.sender = request.from.empty() ? "human:orchestrator" : request.from;
  letter.thread = request.thread_id;
  letter.body = request.text;
  std::vector<std::shared_ptr<Agent>> to;
  if (request.to.starts_with('#')) {
    letter.kind = pty::MessageKind::channel;
    letter.target = request.to;
    const std::string channel = without_sign(request.to);
    for (const auto& agent : parts_.roster.all()) {
      const bool sender = equal_ignoring_case(agent->name(), request.from);
      if (!sender && is_in(agent->channels(), channel)) to.push_back(agent);
    }
  } else {
    std::string_view name = request.to;
    if (name.starts_with('@')) name.remove_prefix(1);
    for (const auto& agent : parts_.roster.all()) {
      if (equal_ignoring_case(agent->name(), name)) to.push_back(agent);
    }
  }
  SentMessage out;
  const bool has_engine = !parts_.settings.engine.empty();
  if (request.thread_is_message && !request.thread_id.empty() && !to.empty()) {
    auto looking = find_message(request.thread_id, request.from);
    auto there = co_await std::move(looking);
    if (!there) co_return fail(std::move(there).error());
  }
  if (has_engine && letter.kind == pty::MessageKind::channel) {
    auto publishing = send_to_channel(request, &out.warning);
    auto published = co_await std::move(publishing);
    if (published) co_return *std::move(published);
    if (to.empty()) co_return fail(no_channel(request.to));
  }
  if (to.empty() && has_engine) co_return co_await publish(std::move(request));
  if (to.empty()) {
    if (letter.kind == pty::MessageKind::channel) co_return fail(no_channel(request.to));
    co_return fail(Code::agent_not_found, "Agent \"" + request.to + "\" not found at this broker",
                   "relay-broker status lists the agents");
  }
  std::optional<Error> failure;
  std::string missed;
  const int priority = request.steer ? kUrgent : letter.kind == pty::MessageKind::channel ? 3 : 2;
  for (const auto& agent : to) {
    auto posted = co_await postman_.post(agent, letter, priority);
    if (!posted) {
      failure = std::move(posted).error();
      missed += (missed.empty() ? "" : "; ") + agent->name();
      missed += " did not get it: " + failure->message;
      continue;
    }
    // All of them get one message.
    letter.id = *posted;
    out.event_id = *posted;
    ++out.delivered;
  }
  if (out.delivered == 0) co_return fail(*std::move(failure));
  if (!missed.empty()) out.warning += (out.warning.empty() ? "" : "; ") + missed;
  co_return out;
}

asio::awaitable<Result<SentMessage>> Broker::publish(SendRequest request) {
  OutboundMessage message;
  message.to = request.to.starts_with('@') ? request.to.substr(1) : request.to;
  message.text = std::move(request.text);
  message.thread_id = std::move(request.thread_id);
  message.steer = request.steer;
  if (const auto sender = parts_.roster.speaker(request.from)) message.token = sender->token;
  const std::string to = message.to;
  auto sent = co_await parts_.engine->publish(std::move(message));
  if (!sent) co_return fail(std::move(sent).error());
  SentMessage out;
  out.event_id = std::move(sent->id);
  if (sent->waits) {
    out.warning = to + " does not run: it gets this if it comes back, at any broker of this engine";
  }
  out.published = true;
  co_return out;
}

asio::awaitable<Result<std::size_t>> Broker::type(std::string name, std::string keys) {
  if (draining_) co_return fail(is_ending());
  const auto agent = known(name);
  if (!agent) co_return fail(agent.error());
  // A program that is started meanwhile has another one.
  const auto session = (*agent)->held_session();
  if ((*agent)->guest() != nullptr) co_return fail(no_terminal(**agent));
  if (!session || (*agent)->exit()) {
    co_return fail(Code::connection_closed, "the program of " + name + " has ended");
  }
  const bool room = co_await session->wait_for_room(kInputWithin);
  if (!room) {
    co_return fail(Code::timeout, "the program of " + name + " does not read its terminal");
  }
  if (draining_) co_return fail(is_ending());
  auto typed = session->type(keys);
  if (!typed) co_return fail(std::move(typed).error());
  co_return keys.size();
}

Result<void> Broker::human_done(const std::string& name) {
  const auto agent = known(name);
  if (!agent) return fail(agent.error());
  if ((*agent)->session() != nullptr) (*agent)->session()->human_done();
  return {};
}

Result<pty::SizeAnswer> Broker::resize(const std::string& name, const pty::SizeRequest& request) {
  const auto agent = known(name);
  if (!agent) return fail(agent.error());
  if ((*agent)->session() == nullptr) return fail(no_terminal(**agent));
  const pty::SizeAnswer answer = (*agent)->session()->resize(request);
  if (answer.apply) {
    parts_.keeper.note_size((*agent)->generation(), request.columns, request.rows);
  }
  return answer;
}

Result<pty::ScreenView> Broker::screen(const std::string& name) {
  const auto agent = known(name);
  if (!agent) return fail(agent.error());
  if ((*agent)->session() == nullptr) return fail(no_terminal(**agent));
  return (*agent)->session()->screen();
}

asio::awaitable<Result<pty::ViewedOutput>> Broker::output(std::string name, std::uint64_t cursor,
                                                          Duration at_most) {
  // What is looked at stays, also when the agent is released or started again meanwhile.
  const auto agent = known(name);
  if (!agent) co_return fail(agent.error());
  const auto session = (*agent)->held_session();
  if (!session) co_return fail(no_terminal(**agent));
  co_return co_await session->viewers().next(cursor, at_most);
}

asio::awaitable<Result<ModeChanged>> Broker::set_mode(std::string name, ModeChange change) {
  const auto found = known(name);
  if (!found) co_return fail(found.error());
  Agent& agent = **found;
  ModeChanged out;
  const DeliveryMode before = agent.mailbox().mode();
  out.matched =
      (!change.expected_mode || *change.expected_mode == before) &&
      (!change.expected_revision || *change.expected_revision == agent.mailbox().revision());
  if (out.matched) {
    out.flushed = agent.set_mode(change.mode);
    if (before != change.mode) {
      parts_.events.add("agent_inbound_delivery_mode_changed", [&](JsonWriter& event) {
        event.field("name", name);
        event.field("previous_mode", name_of(before));
        event.field("mode", name_of(change.mode));
      });
    }
    if (out.flushed != 0) {
      parts_.events.add("agent_pending_drained", [&](JsonWriter& event) {
        event.field("name", name);
        event.field("count", static_cast<std::uint64_t>(out.flushed));
        event.field("reason", "delivery_mode_transition");
      });
    }
  }
  out.mode = agent.mailbox().mode();
  out.revision = agent.mailbox().revision();
  if (out.matched && before != out.mode && agent.takes_messages()) {
    auto kept = co_await spawner_.keep(*found);
    if (!kept) co_return fail(std::move(kept).error());
  }
  co_return out;
}

asio::awaitable<Result<std::size_t>> Broker::flush(std::string name) {
  const auto agent = known(name);
  if (!agent) co_return fail(agent.error());
  const std::size_t flushed = (*agent)->flush();
  parts_.events.add("agent_pending_drained", [&](JsonWriter& event) {
    event.field("name", name);
    event.field("count", static_cast<std::uint64_t>(flushed));
    event.field("reason", "explicit_flush");
  });
  co_return flushed;
}

Result<std::vector<PendingMessage>> Broker::pending(const std::string& name) {
  std::vector<PendingMessage> out;
  if (!name.empty()) {
    const auto agent = known(name);
    if (!agent) return fail(agent.error());
    return (*agent)->mailbox().pending(name);
  }
  for (const auto& agent : parts_.roster.all()) {
    auto some = agent->mailbox().pending(agent->name());
    out.insert(out.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  std::sort(out.begin(), out.end(), [](const PendingMessage& a, const PendingMessage& b) {
    return std::tie(a.queued, a.delivery_id) < std::tie(b.queued, b.delivery_id);
  });
  return out;
}

asio::awaitable<Result<std::vector<DeadLetterView>>> Broker::dead_letters(std::int64_t after,
                                                                          std::size_t most) {
  return parts_.records.dead_letters(after, most);
}

asio::awaitable<Result<void>> Broker::redeliver(std::int64_t id) {
  auto again = co_await postman_.redeliver(id);
  if (!again) co_return again;
  parts_.events.add("dead_letter_redelivered",
                    [&](JsonWriter& event) { event.field("id", std::int64_t{id}); });
  co_return again;
}

asio::awaitable<Result<void>> Broker::drop_dead_letter(std::int64_t id) {
  return parts_.records.drop(id);
}

Result<std::vector<std::string>> Broker::subscribe(const std::string& name,
                                                   const std::vector<std::string>& channels) {
  const auto agent = known(name);
  if (!agent) return fail(agent.error());
  std::vector<std::string> all = (*agent)->channels();
  std::vector<std::string> asked;
  for (const std::string& channel : channels) {
    const std::string plain = without_sign(channel);
    if (plain.empty()) continue;
    if (!is_in(all, plain)) all.push_back(plain);
    asked.push_back(plain);
  }
  (*agent)->set_channels(all);
  // Also where it was in before: the engine may not know it from the last time.
  for (std::string& channel : asked) tasks_.spawn(change_channel(*agent, std::move(channel), true));
  return all;
}

Result<std::vector<std::string>> Broker::unsubscribe(const std::string& name,
                                                     const std::vector<std::string>& channels) {
  const auto agent = known(name);
  if (!agent) return fail(agent.error());
  std::vector<std::string> all = (*agent)->channels();
  std::vector<std::string> left;
  for (const std::string& channel : channels) {
    const std::string plain = without_sign(channel);
    const auto gone = std::erase_if(
        all, [&plain](const std::string& one) { return equal_ignoring_case(one, plain); });
    if (gone > 0) left.push_back(plain);
  }
  (*agent)->set_channels(all);
  for (std::string& channel : left) tasks_.spawn(change_channel(*agent, std::move(channel), false));
  return all;
}

/// The engine, too, tells it what is said there; or no more.
asio::awaitable<void> Broker::change_channel(std::shared_ptr<Agent> agent, std::string channel,
                                             bool in) {
  if (agent->token.empty()) co_return;
  Backoff backoff(kChannelAgain, kChannelAgainMost, kChannelAgainMost, parts_.random);
  for (int tries = 1;; ++tries) {
    const bool still_wanted = is_in(agent->channels(), channel) == in;
    if (!still_wanted) co_return;
    const auto changed = co_await parts_.engine->change_channel(channel, agent->token, in);
    if (changed) co_return;
    if (tries == kChannelTries || agent->exit()) {
      note(node_control::NoteLevel::warning,
           agent->name() + (in ? " did not get into #" : " is still in #") + channel +
               " at the engine: " + changed.error().message);
      co_return;
    }
    const Duration pause = backoff.next();
    co_await net::pause(pause);
  }
}

asio::awaitable<Result<void>> Broker::set_model(std::string name, std::string model,
                                                Duration at_most) {
  (void)at_most;
  const auto agent = known(name);
  if (!agent) co_return fail(agent.error());
  if ((*agent)->session() == nullptr || (*agent)->exit()) {
    co_return fail(Code::connection_closed, "the program of " + name + " has ended");
  }
  pty::InjectionItem item;
  item.id = postman_.next_number();
  item.text = "/model " + pty::sanitise_field(model);
  co_return (*agent)->session()->offer(std::move(item));
}

Result<AcceptedResult> Broker::hand_in(HandedIn result) {
  for (const auto& agent : parts_.roster.speakers()) {
    if (agent->result_token.empty() || !(agent->result_token == result.token)) continue;
    if (!result.name.empty() && result.name != agent->name()) break;
    AcceptedResult out;
    out.name = agent->name();
    out.result_id = random_hex("ar_", 16, parts_.random);
    parts_.events.add("agent_result", [&](JsonWriter& event) {
      event.field("name", out.name);
      event.field("result_id", out.result_id);
      event.key("data");
      event.raw(result.data.text());
      event.field("final", result.final);
      event.key("metadata");
      event.raw(result.metadata ? result.metadata->text() : "null");
    });
    return out;
  }
  return fail(Code::unauthorized, "no agent of that name has this result token");
}

std::vector<CrashView> Broker::crashes() {
  return {crashes_.begin(), crashes_.end()};
}

void Broker::shut_down() {
  if (hooks_.on_end) hooks_.on_end(std::nullopt);
}

}  // namespace relay::broker
