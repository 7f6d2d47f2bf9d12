#include "broker/broker.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "base/ids.hpp"
#include "broker/crash_insights.hpp"
#include "broker/message_files.hpp"
#include "broker/restart_rule.hpp"
#include "net/timeout.hpp"
#include "node_control/outbox.hpp"

namespace relay::broker {
namespace {

constexpr Duration kLookAtTime = std::chrono::hours(1);
/// Longer than a program that is at work takes to look at its window.
constexpr Duration kOtherSizeFor = std::chrono::milliseconds(150);
/// What is typed by then is not in doubt for the next broker, which agents and messages wait for.
constexpr Duration kFinishTypingWithin = std::chrono::milliseconds(300);
constexpr Duration kSettleWithin = std::chrono::seconds(5);
constexpr std::size_t kMostEnding = 16;
constexpr std::size_t kMostCrashes = 20;
constexpr std::size_t kMostCrashBytes = 64 * 1024;

void write_failure(JsonWriter& out, std::string_view name, const Result<os::ExitStatus>& how) {
  out.field("name", name);
  const auto number = [&out](std::string_view key, std::optional<int> value) {
    out.key(key);
    if (value) {
      out.value(std::int32_t{*value});
    } else {
      out.null();
    }
  };
  number("code", how ? how->status() : std::nullopt);
  number("signal", how ? how->signal() : std::nullopt);
  out.field("reason", how ? how->text() : how.error().message);
}

/// Its end of the connection closed without a word; what else goes wrong with one says what to do.
bool is_killed_keeper(const Error& lost) {
  return lost.code == Code::connection_closed || (lost.code == Code::io_error && lost.hint.empty());
}

}  // namespace

Broker::Broker(BrokerParts& parts, Hooks hooks)
    : parts_(parts),
      hooks_(std::move(hooks)),
      programs_(parts.executor, parts.keeper),
      postman_(parts),
      releaser_(parts, programs_, postman_),
      spawner_(parts, *this, programs_, postman_, releaser_),
      handlers_(parts.settings.handler_within),
      time_changed_(parts.executor),
      tasks_(parts.executor),
      started_(parts.clock.now()) {
  connect_handlers();
}

Broker::~Broker() = default;

// Its life

asio::awaitable<Result<void>> Broker::start() {
  tasks_.spawn(postman_.work());
  tasks_.spawn(postman_.remind());
  tasks_.spawn(keep_time());
  const auto crashed = parts_.files.read_private(crashes_path(), kMostCrashBytes);
  if (crashed) {
    for (CrashView& crash : read_crashes(*crashed)) crashes_.push_back(std::move(crash));
  }
  auto adopted = co_await adopt_agents();
  // The events of programs that ended meanwhile find their agents.
  tasks_.spawn(follow_keeper());
  co_return adopted;
}

asio::awaitable<Result<void>> Broker::adopt_agents() {
  auto stored = co_await parts_.records.agents();
  if (!stored) co_return fail(std::move(stored).error());
  for (auto& held : parts_.keeper.take_held()) {
    const std::string generation = held.facts.generation;
    const auto one = std::find_if(stored->begin(), stored->end(), [&](const StoredAgent& agent) {
      return agent.generation == generation;
    });
    const bool wanted = one != stored->end() && !held.facts.gone && held.facts.ended.empty();
    if (wanted) {
      auto adopted = spawner_.adopt(*one, programs_.adopt(std::move(held)));
      if (adopted) {
        // Whatever it showed before is unknown here.
        tasks_.spawn(ask_to_paint(*adopted));
        stored->erase(one);
        continue;
      }
      note(node_control::NoteLevel::error,
           "the agent " + one->name + " cannot be adopted: " + adopted.error().message);
    }
    (void)co_await programs_.end(generation, parts_.settings.release_grace);
  }
  // What is left on the list runs in a terminal of its own, or has no program any more.
  for (const StoredAgent& gone : *stored) {
    const auto guest = co_await spawner_.adopt_guest(gone);
    if (guest) continue;
    parts_.events.add("agent_exited", [&](JsonWriter& out) {
      const Result<os::ExitStatus> unknown = fail(Code::not_found, "it ended while no broker ran");
      write_failure(out, gone.name, unknown);
    });
    auto removed = co_await parts_.records.remove_agent(gone.name);
    if (!removed) co_return removed;
    releaser_.remove_files(gone.name);
  }
  auto open = co_await parts_.records.open_messages();
  if (!open) co_return fail(std::move(open).error());
  // What cannot be delivered any more is a dead letter from now on.
  for (StoredMessage& message : *open) (void)postman_.restore(std::move(message));
  auto owed = co_await parts_.records.results();
  if (!owed) co_return fail(std::move(owed).error());
  for (OwedResult& result : *owed) {
    parts_.engine->owe(result.invocation_id, std::move(result.frame));
  }
  co_return Result<void>();
}

/// A program paints everything anew when its window gets another size; one that looks again and
/// finds the size it knows does nothing, so the other size stays for a while.
asio::awaitable<void> Broker::ask_to_paint(std::shared_ptr<Agent> agent) {
  // The size comes back whatever ends the broker.
  co_await net::shielded();
  const std::string generation = agent->generation();
  os::WindowSize other = agent->session()->size();
  if (other.rows < 2) co_return;
  --other.rows;
  (void)agent->session()->terminal().resize(other);
  co_await net::pause(kOtherSizeFor);
  if (agent->exit() || agent->generation() != generation) co_return;
  (void)agent->session()->terminal().resize(agent->session()->size());
}

asio::awaitable<void> Broker::let_go() {
  // Once: what was in doubt then is in doubt for the next broker, too.
  if (std::exchange(let_go_, true)) co_return;
  co_await net::shielded();
  draining_ = true;
  net::TaskGroup finishing(parts_.executor);
  for (const auto& agent : parts_.roster.all()) {
    finishing.spawn(agent->finish_typing(kFinishTypingWithin));
  }
  co_await finishing.join();
  // The next broker need not call a possible repeat what was only got ready here.
  for (const auto& agent : parts_.roster.all()) {
    auto untyped = agent->untyped();
    if (untyped.empty()) continue;
    (void)co_await parts_.records.not_begun(std::move(untyped), agent->generation());
  }
  for (const auto& agent : parts_.roster.all()) co_await agent->stop();
}

asio::awaitable<void> Broker::stop(Agents agents) {
  co_await net::shielded();
  draining_ = true;
  // Without the keeper nothing is ended from here: its guardian does.
  if (keeper_lost_ && agents == Agents::end) agents = Agents::leave;
  if (agents == Agents::end) {
    net::TaskGroup ending(parts_.executor);
    for (const auto& agent : parts_.roster.all()) {
      // What a person runs in a terminal of their own is not ours to end.
      if (agent->guest() != nullptr) continue;
      ending.spawn([](Broker* self, std::string name) -> asio::awaitable<void> {
        ReleaseRequest request(std::move(name));
        request.reason = "broker_stopped";
        const auto released = co_await self->releaser_.release(std::move(request));
        if (!released) self->note(node_control::NoteLevel::error, released.error().message);
      }(this, agent->name()));
      if (ending.size() >= kMostEnding) co_await ending.join();
    }
    co_await ending.join();
  }
  if (agents == Agents::leave) co_await let_go();
  for (const auto& agent : parts_.roster.all()) co_await agent->stop();
  co_await postman_.settle(kSettleWithin);
  tasks_.cancel();
  co_await tasks_.join();
  for (const auto& agent : parts_.roster.all()) {
    co_await agent->stop();
    (void)parts_.roster.remove(agent->name());
  }
}

asio::awaitable<void> Broker::follow_keeper() {
  auto work = programs_.follow(
      [this](std::string text) { note(node_control::NoteLevel::error, std::move(text)); });
  Error lost = co_await std::move(work);
  // Another broker has taken over, or the keeper is dead: either way the agents are not ours.
  keeper_lost_ = true;
  if (parts_.keeper.keeper_pid() != 0 && is_killed_keeper(lost)) {
    lost = Error(Code::io_error, "the keeper was killed; its agents end with it",
                 "relay-broker serve starts anew");
  }
  if (hooks_.on_end) hooks_.on_end(std::move(lost));
}

asio::awaitable<void> Broker::keep_time() {
  for (;;) {
    const Monotonic now = parts_.clock.now();
    Duration wait = kLookAtTime;
    handlers_.on_time(now);
    if (const auto at = handlers_.next_deadline()) wait = std::min<Duration>(wait, *at - now);
    for (const auto& agent : parts_.roster.all()) {
      agent->on_time(now);
      if (const auto at = agent->next_deadline()) wait = std::min<Duration>(wait, *at - now);
    }
    (void)co_await time_changed_.wait(std::max<Duration>(wait, std::chrono::milliseconds(1)));
  }
}

// For the agents

std::string Broker::body_path(const Agent& agent, const Mail& message) {
  const os::Path directory = Releaser::agent_directory(parts_.settings, agent.name());
  // The numbers begin anew with each broker; what an earlier one wrote may not have been read yet.
  const std::string id = short_hash(message.key.delivery_id);
  return (directory / fmt::format("{}{}-{}.txt", kMessageFilePrefix, id, message.number)).string();
}

Result<void> Broker::keep_body(const std::string& path, std::string_view body) {
  return keep_message_file(parts_.files, path, body);
}

void Broker::message_ended(Agent& agent, Mail message, pty::InjectionOutcome outcome) {
  postman_.ended(agent, std::move(message), std::move(outcome));
}

void Broker::agent_changed(Agent& agent) {
  (void)agent;
  time_changed_.notify();
}

void Broker::program_ended(Agent& agent, const Result<os::ExitStatus>& how) {
  const auto kept = parts_.roster.find(agent.name());
  // Not listed: a spawn that looks after it itself.
  if (kept.get() == &agent) tasks_.spawn(after_exit(kept, how));
}

void Broker::tell_exit(Agent& agent, const Result<os::ExitStatus>& how) {
  parts_.events.add("agent_exit", [&](JsonWriter& out) {
    out.field("name", agent.name());
    out.field("reason", "child_exited");
  });
  parts_.events.add("agent_exited",
                    [&](JsonWriter& out) { write_failure(out, agent.name(), how); });
}

asio::awaitable<void> Broker::after_exit(std::shared_ptr<Agent> agent, Result<os::ExitStatus> how) {
  tell_exit(*agent, how);
  if (agent->leaving) co_return;
  if (agent->guest() != nullptr) {
    ReleaseRequest release(agent->name());
    release.reason = "terminal_closed";
    (void)co_await releaser_.release(std::move(release));
    co_return;
  }
  const Duration ran = parts_.clock.wall() - agent->started;
  if (how && !how->success()) {
    ++crash_count_;
    CrashView crash(agent->name(), *how);
    crash.at = parts_.clock.wall();
    crash.uptime = ran;
    crashes_.push_back(std::move(crash));
    if (crashes_.size() > kMostCrashes) crashes_.pop_front();
    keep_crashes();
  }
  const RestartDecision decision =
      decide_restart(agent->request().restart, agent->restarts, agent->failures_in_row, ran,
                     how && how->success());
  agent->failures_in_row = decision.failures_in_row;
  // What it left running goes, restarted or not.
  agent->restarting = decision.after.has_value();
  (void)co_await programs_.end(agent->generation(), parts_.settings.release_grace);
  if (agent->leaving) co_return;
  if (decision.after) {
    parts_.events.add("agent_restarting", [&](JsonWriter& out) {
      write_failure(out, agent->name(), how);
      out.field("restart_count", agent->restarts + 1);
      out.field(
          "delay_ms",
          static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::milliseconds>(*decision.after).count()));
    });
    co_return co_await restart(agent, *decision.after);
  }
  if (agent->request().restart.enabled) {
    parts_.events.add("agent_permanently_dead", [&](JsonWriter& out) {
      out.field("name", agent->name());
      out.field("reason", decision.reason);
    });
  }
  (void)postman_.bury(*agent, "worker_exited");
  (void)co_await parts_.records.remove_agent(agent->name());
  parts_.engine->agents_changed();
}

/// For the next broker; a few lines, worth nothing after a power cut.
void Broker::keep_crashes() {
  const auto kept = parts_.files.put(crashes_path(), crashes_text(crashes()));
  if (!kept) note(node_control::NoteLevel::warning, kept.error().message);
}

os::Path Broker::crashes_path() const {
  return parts_.settings.state_dir / "crashes.json";
}

asio::awaitable<void> Broker::restart(std::shared_ptr<Agent> agent, Duration after) {
  co_await net::pause(after);
  if (agent->leaving || draining_) co_return;
  agent->started = parts_.clock.wall();
  ++agent->restarts;
  ++restarts_;
  auto again = co_await spawner_.start_again(agent);
  agent->restarting = false;
  if (again) {
    parts_.engine->agents_changed();
    parts_.events.add("agent_restarted", [&](JsonWriter& out) {
      out.field("name", agent->name());
      out.field("restart_count", agent->restarts);
    });
    co_return;
  }
  parts_.events.add("agent_permanently_dead", [&](JsonWriter& out) {
    out.field("name", agent->name());
    out.field("reason", again.error().message);
  });
  (void)postman_.bury(*agent, "worker_exited");
  (void)co_await parts_.records.remove_agent(agent->name());
  parts_.engine->agents_changed();
}

// For the node's session

void Broker::surfaced(node_control::Delivery delivery, bool late) {
  (void)late;
  postman_.surfaced(std::move(delivery));
}

void Broker::dead_letter(node_control::DeadLetter letter) {
  parts_.events.add("dead_letter_added", [&](JsonWriter& out) {
    out.field("name", letter.delivery.agent_name);
    out.field("delivery_id", letter.delivery.delivery_id);
    out.field("reason", letter.reason == node_control::DeadReason::unknown_agent ? "unknown_agent"
                                                                                 : "not_repeated");
  });
}

void Broker::skipped(node_control::Skipped range) {
  note(node_control::NoteLevel::warning,
       fmt::format("the engine never sent messages {} to {} of {}: they are not waited for",
                   range.first, range.last, range.agent_name));
}

void Broker::renamed(node_control::Renamed change) {
  note(node_control::NoteLevel::warning,
       "the engine calls the agent " + change.from + " now " + change.to);
}

void Broker::invoked(wire::ActionInvoke action) {
  tasks_.spawn(act(std::move(action)));
}

std::vector<wire::InventoryEntry> Broker::inventory() {
  return parts_.roster.inventory();
}

node_control::NodeLoad Broker::load() {
  node_control::NodeLoad out;
  const auto active = parts_.roster.inventory().size();
  out.active_agents = static_cast<std::uint32_t>(active);
  if (parts_.settings.max_agents != 0) {
    out.load = static_cast<double>(active) / static_cast<double>(parts_.settings.max_agents);
  }
  out.handlers_live = !draining_;
  return out;
}

void Broker::registered_again(std::string old_agent_id, wire::AgentRegistered registered) {
  Agent* agent = parts_.roster.by_id(old_agent_id);
  if (agent == nullptr) return;
  agent->agent_id = registered.agent_id;
  agent->token = Secret(std::move(registered.token));
  const os::Path directory = Releaser::agent_directory(parts_.settings, agent->name());
  const auto kept = parts_.files.put(directory / "token", agent->token.reveal());
  if (!kept) note(node_control::NoteLevel::error, kept.error().message);
}

void Broker::tunnel(const node_control::TunnelReport& report) {
  (void)report;
  time_changed_.notify();
}

void Broker::note(node_control::NoteLevel level, std::string text) {
  if (hooks_.on_note) hooks_.on_note(level, std::move(text));
}

void Broker::connect_handlers() {
  Handlers::Owner owner;
  owner.on_outcome = [this](std::string id, ActionOutcome outcome) {
    settle(std::move(id), std::move(outcome));
  };
  owner.on_offer = [this] { parts_.engine->offer(handlers_.offered()); };
  owner.on_deadline = [this] { time_changed_.notify(); };
  handlers_.owned_by(std::move(owner));
}

asio::awaitable<void> Broker::act(wire::ActionInvoke action) {
  const std::string id = action.invocation_id;
  ActionOutcome outcome = std::string(wire::kHandlerUnavailable);
  if (!draining_ && handlers_.serves(action.action)) {
    handlers_.invoke(parts_.clock.now(), id, action.action, action.input);
    co_return;
  }
  const bool spawns = action.action == "spawn" || action.action.starts_with("spawn:");
  if (draining_ || (action.action != "release" && !spawns)) {
    settle(id, std::move(outcome));
    co_return;
  }
  if (action.action == "release") {
    auto name = release_name_of_action(action);
    if (!name) {
      outcome = name.error().message;
    } else {
      ReleaseRequest request(*name);
      request.reason = "the engine asked for it";
      const auto released = co_await release(std::move(request));
      if (released) {
        outcome = wire::Json::build([&](JsonWriter& out) {
          out.begin_object();
          out.field("released", true);
          out.field("name", *name);
          out.end_object();
        });
      } else {
        outcome = "release_failed: " + released.error().message;
      }
    }
  } else {
    auto request = spawn_request_of_action(action);
    if (!request) {
      outcome = request.error().message;
    } else {
      const bool ready = request->wait == SpawnWait::ready;
      const auto made = co_await spawn(*std::move(request));
      if (made) {
        outcome = wire::Json::build([&](JsonWriter& out) {
          out.begin_object();
          out.field("spawned", true);
          out.field("name", made->name);
          if (ready) out.field("ready", true);
          out.end_object();
        });
      } else {
        const bool taken = made.error().code == Code::name_conflict;
        outcome = taken ? std::string("spawn_agent_name_in_use")
                        : "spawn_failed: " + made.error().message;
      }
    }
  }
  auto given = give_result(id, std::move(outcome));
  co_await std::move(given);
}

void Broker::settle(std::string invocation_id, ActionOutcome outcome) {
  const auto* const error = std::get_if<std::string>(&outcome);
  if (error != nullptr && *error == wire::kHandlerUnavailable) {
    // Nothing was done: there is nothing to remember.
    parts_.engine->finish(invocation_id, std::move(outcome));
  } else {
    tasks_.spawn(give_result(std::move(invocation_id), std::move(outcome)));
  }
}

/// On disk first: what was done is not done again, or denied, by the broker after a crash.
asio::awaitable<void> Broker::give_result(std::string invocation_id, ActionOutcome outcome) {
  std::string frame = node_control::result_frame(invocation_id, outcome);
  const auto kept = co_await parts_.records.put_result(invocation_id, std::move(frame));
  if (!kept) note(node_control::NoteLevel::error, "a result is not kept: " + kept.error().message);
  parts_.engine->finish(invocation_id, std::move(outcome));
}

void Broker::result_settled(std::string invocation_id) {
  tasks_.spawn(forget_result(std::move(invocation_id)));
}

asio::awaitable<void> Broker::forget_result(std::string invocation_id) {
  // What cannot be removed is sent once more by the next broker; the engine has it already.
  (void)co_await parts_.records.remove_result(std::move(invocation_id));
}

}  // namespace relay::broker
