// The agents of a simulated broker: their messages, what is typed, spawns and releases.
#include <algorithm>
#include <utility>

#include "broker/inbound.hpp"
#include "node_control/recent_marks.hpp"
#include "pty/injection/envelope.hpp"
#include "simulation/broker_process.hpp"
#include "simulation/world.hpp"

namespace relay::simulation {

using broker::Mail;
using broker::MessageKey;
using pty::InjectionEnd;
using pty::InjectionOutcome;
using namespace std::chrono_literals;

namespace {

constexpr Duration kOfferAgain = 500ms;
constexpr Duration kWriteEndsAgain = 1s;
constexpr std::size_t kMostEndsAtOnce = 256;
constexpr std::size_t kMostEndsUnkept = 256;
/// A text is in the terminal before its writer hears of it.
constexpr Duration kGrace = 1s;

InjectionOutcome dead_because(std::string reason) {
  InjectionOutcome out;
  out.reason = std::move(reason);
  return out;
}

InjectionOutcome typed_because(std::string reason) {
  InjectionOutcome out;
  out.end = InjectionEnd::typed;
  out.reason = std::move(reason);
  return out;
}

pty::Profile plain_profile() {
  pty::Profile profile;
  profile.name = "simulated";
  profile.reader = pty::Reader::plain;
  return profile;
}

}  // namespace

// Messages

Resident* BrokerProcess::by_id(const std::string& id) {
  for (auto& [name, agent] : roster_) {
    if (agent->id == id) return agent.get();
  }
  return nullptr;
}

void BrokerProcess::surfaced(node_control::Delivery delivery) {
  auto inbound = broker::read_inbound(delivery.payload);
  world_.expect(inbound.has_value(), "a delivery cannot be read");
  if (!inbound) return;
  if (inbound->steer) world_.out_of_order(inbound->letter.body);
  Mail message;
  message.key = MessageKey(delivery.agent_id, delivery.delivery_id, delivery.seq);
  message.number = next_number_++;
  message.inbound = *std::move(inbound);
  if (by_id(delivery.agent_id) == nullptr && reserved_.contains(delivery.agent_name)) {
    early_[delivery.agent_name].push_back(std::move(message));
    return;
  }
  deliver(std::move(message), "agent_gone");
}

void BrokerProcess::deliver(Mail message, const std::string& reason_if_gone) {
  Resident* agent = by_id(message.key.agent_id);
  if (agent == nullptr || !agent->takes_messages())
    return queue_end(message, dead_because(reason_if_gone));
  const Mail copy = message;
  if (!agent->mailbox.accept(std::move(message))) {
    return queue_end(copy, dead_because("queue_full"));
  }
  feed(roster_.at(agent->name));
}

void BrokerProcess::restore(broker::StoredMessage stored) {
  if (stored.ended) {
    const MessageKey& key = stored.key;
    clerk_.done(life_.now(), key.agent_id, key.seq, key.delivery_id);
    return work();
  }
  auto inbound = broker::read_inbound(stored.frame);
  if (!inbound) return;
  if (inbound->steer) world_.out_of_order(inbound->letter.body);
  Mail message;
  message.key = stored.key;
  message.number = next_number_++;
  message.inbound = *std::move(inbound);
  message.attempts = stored.attempts;
  message.recovering = stored.begun;
  if (stored.outcome) {
    message.generation = stored.generation;
    return end_later(message, *stored.outcome, stored.agent_name);
  }
  deliver(std::move(message), "worker_exited");
}

/// Nobody may write off what an agent that is there could read.
void BrokerProcess::check_burial(const Mail& message, const std::string& reason) {
  const Resident* agent = by_id(message.key.agent_id);
  if (agent == nullptr || !agent->takes_messages()) return;
  const pty::InjectionSettings settings;
  const Monotonic now = life_.now();
  const bool is_full =
      reason == "queue_full" && agent->mailbox.size() >= broker::AgentMailbox::kMostMessages;
  const bool is_held = reason == "human" && agent->held && now - *agent->held >= settings.patience;
  const bool is_stuck = reason == pty::kNotRead && agent->program != nullptr &&
                        agent->program->unread_for() + kGrace >= settings.drain_within;
  world_.expect(is_full || is_held || is_stuck, agent->name + " runs, and message " +
                                                    message.inbound.letter.body +
                                                    " for it is a dead letter: " + reason);
}

void BrokerProcess::queue_end(const Mail& message, InjectionOutcome outcome,
                              const std::string& agent) {
  if (outcome.end == InjectionEnd::dead) check_burial(message, outcome.reason);
  end_later(message, std::move(outcome), agent);
}

void BrokerProcess::end_later(const Mail& message, InjectionOutcome outcome,
                              const std::string& agent) {
  End end;
  end.agent = agent;
  end.number = message.number;
  end.end.key = message.key;
  end.end.generation = message.generation;
  end.end.outcome = std::move(outcome);
  ends_.push_back(std::move(end));
  write_ends();
}

void BrokerProcess::write_ends() {
  if (writing_ends_ || ends_.empty()) return;
  writing_ends_ = true;
  life_.after(0us, [this] {
    auto batch = std::make_shared<std::vector<broker::MessageEnd>>();
    const std::size_t count = std::min(ends_.size(), kMostEndsAtOnce);
    for (std::size_t i = 0; i < count; ++i) batch->push_back(ends_[i].end);
    job([this, batch] { machine_.journal().end(*batch); },
        [this, count](const Result<void>& written) {
          if (!written) {
            life_.after(kWriteEndsAgain, [this] {
              writing_ends_ = false;
              write_ends();
            });
            return;
          }
          writing_ends_ = false;
          for (std::size_t i = 0; i < count; ++i) {
            const End end = std::move(ends_.front());
            ends_.pop_front();
            const MessageKey& key = end.end.key;
            machine_.marks().forget(key);
            clerk_.done(life_.now(), key.agent_id, key.seq, key.delivery_id);
            work();
            const auto agent = roster_.find(end.agent);
            if (agent != roster_.end() && agent->second->ends.erase(end.number) > 0) {
              feed(agent->second);
            }
          }
          write_ends();
        });
  });
}

// What is typed

ResidentPtr BrokerProcess::attend(const std::string& name, const std::string& id,
                                  Program& program) {
  auto agent = std::make_shared<Resident>();
  agent->name = name;
  agent->id = id;
  agent->restarts = node_control::mark_of(name) % 2 == 0;
  roster_[name] = agent;
  attach(agent, program);
  return agent;
}

void BrokerProcess::attach(const ResidentPtr& agent, Program& program) {
  agent->program = &program;
  agent->ended = false;
  agent->feeding = Resident::Feeding::idle;
  ++agent->epoch;
  agent->session = std::make_unique<pty::Injection>(plain_profile());
  agent->held.reset();
  do_steps(agent, agent->session->terminal(life_.now(), {program.canonical()}));
  Program::Watcher watcher;
  const auto epoch = agent->epoch;
  // That it has read is seen when it is looked at next.
  watcher.drained = [this, agent, epoch] {
    life_.after(dice_.between(0ms, 20ms), [this, agent, epoch] {
      if (agent->epoch == epoch) look_whether_read(agent);
    });
  };
  watcher.drawn = [this, agent, epoch] {
    life_.soon([this, agent, epoch] {
      if (agent->epoch != epoch || !agent->session) return;
      do_steps(agent, agent->session->screen(life_.now(), pty::ScreenText()));
    });
  };
  watcher.exited = [this, agent, epoch] {
    life_.soon([this, agent, epoch] {
      if (agent->epoch == epoch) program_ended(agent);
    });
  };
  program.watch(life_, std::move(watcher));
  feed(agent);
}

/// The program lives on; what it was given waits again.
void BrokerProcess::let_go(Resident& agent) {
  agent.letting_go = true;
  ++agent.epoch;
  if (agent.program != nullptr) agent.program->unwatch();
  agent.program = nullptr;
  agent.session.reset();
  agent.letting_go = false;
  agent.feeding = Resident::Feeding::idle;
  agent.mailbox.start_over(agent.typing);
  agent.typing.clear();
}

void BrokerProcess::feed(const ResidentPtr& agent) {
  if (agent->feeding == Resident::Feeding::offering) return offer_more(agent);
  const bool waits = agent->feeding != Resident::Feeding::idle || !agent->session || agent->ended ||
                     !agent->mailbox.may_take();
  if (waits) return;
  agent->feeding = Resident::Feeding::beginning;
  std::vector<MessageKey> keys;
  agent->numbers.clear();
  for (const Mail* message : agent->mailbox.take()) {
    keys.push_back(message->key);
    agent->numbers.push_back(message->number);
  }
  auto begun =
      std::make_shared<Result<std::vector<broker::Begun>>>(fail(Code::io_error, "not written"));
  job(
      [this, keys, begun, generation = agent->program->generation()] {
        *begun = machine_.journal().begin(keys, generation);
      },
      [this, agent, begun, epoch = agent->epoch](const Result<void>& written) {
        if (agent->epoch != epoch) return;
        agent->mailbox.settle_pace(agent->typing.empty() && world_.options.keeps_typing);
        if (!written || !*begun) {
          // The disk may have it all the same, and without marks that is a doubt like any other.
          if (!world_.options.keeps_typing) world_.crashed(agent->name);
          for (const auto number : agent->numbers) agent->mailbox.put_back(number);
          return rest(agent);
        }
        agent->verdicts = **begun;
        agent->next = 0;
        agent->next_begun = false;
        agent->feeding = Resident::Feeding::offering;
        offer_more(agent);
      });
}

void BrokerProcess::rest(const ResidentPtr& agent) {
  agent->feeding = Resident::Feeding::resting;
  life_.after(kOfferAgain, [this, agent, epoch = agent->epoch] {
    if (agent->epoch != epoch) return;
    agent->feeding = Resident::Feeding::idle;
    feed(agent);
  });
}

void BrokerProcess::offer_more(const ResidentPtr& agent) {
  const auto epoch = agent->epoch;
  const bool keeps_typing = world_.options.keeps_typing;
  while (agent->next < agent->numbers.size()) {
    const std::size_t i = agent->next;
    const auto number = agent->numbers[i];
    if (!std::exchange(agent->next_begun, true)) {
      const bool again = agent->verdicts[i] == broker::Begun::again && !keeps_typing;
      agent->mailbox.begun(number, agent->program->generation(), again);
      if (agent->verdicts[i] == broker::Begun::not_now) {
        agent->next_begun = false;
        ++agent->next;
        end_message(*agent, number, typed_because("ended_before"));
        continue;
      }
    }
    if (agent->ended) break;
    const std::size_t most = keeps_typing ? kMostEndsUnkept : 0;
    if (!agent->typing.empty() || agent->ends.size() > most) return;
    const bool other_first = keeps_typing && !agent->mailbox.still_next(number);
    agent->next_begun = false;
    ++agent->next;
    const bool taken = !other_first && offer(agent, number);
    if (agent->epoch != epoch) return;
    if (taken) continue;
    for (std::size_t rest_of = other_first ? i : i + 1; rest_of < agent->numbers.size();
         ++rest_of) {
      agent->mailbox.put_back(agent->numbers[rest_of]);
    }
    if (other_first) break;
    return rest(agent);
  }
  agent->feeding = Resident::Feeding::idle;
  feed(agent);
}

bool BrokerProcess::offer(const ResidentPtr& agent, std::uint64_t number) {
  const Mail* message = agent->mailbox.find(number);
  if (message == nullptr) return true;
  pty::EnvelopeRules rules;
  rules.line_bytes = agent->program->canonical() ? pty::InjectionSettings().canonical_line : 0;
  const auto mark = node_control::mark_of(agent->program->generation() + message->key.delivery_id);
  auto envelope = pty::make_envelope(message->inbound.letter, rules, mark, "/nowhere");
  pty::InjectionItem item;
  item.id = number;
  item.text = envelope->text;
  item.priority = message->urgent() ? 1 : 0;
  item.recovering = message->recovering;
  if (message->recovering) {
    pty::Letter repeat = message->inbound.letter;
    repeat.repeat = true;
    item.repeat_text = pty::make_envelope(repeat, rules, mark, "/nowhere")->text;
  }
  machine_.marks().typing(message->key);
  agent->typing.push_back(number);
  auto steps = agent->session->offer(life_.now(), std::move(item));
  if (!steps) {
    std::erase(agent->typing, number);
    if (!message->recovering) machine_.marks().forget(message->key);
    agent->mailbox.put_back(number);
    return false;
  }
  do_steps(agent, *std::move(steps));
  return true;
}

void BrokerProcess::do_steps(const ResidentPtr& agent, pty::InjectionSteps steps) {
  for (const auto& step : steps) {
    if (step.act == pty::InjectionAct::write) {
      type(agent, step.bytes, agent->epoch);
    } else if (step.act == pty::InjectionAct::ended) {
      const bool exited = agent->session->readiness() == pty::Readiness::exited;
      const bool unread = step.outcome.end == InjectionEnd::dead ||
                          (agent->leaving && step.outcome.end == InjectionEnd::typed);
      if (agent->letting_go || (exited && unread)) continue;
      end_message(*agent, step.item, step.outcome);
    }
  }
  wake_session(agent);
  // Not from within: what is offered next changes the session.
  life_.after(0us, [this, agent] { feed(agent); });
}

void BrokerProcess::type(const ResidentPtr& agent, const std::string& bytes, std::uint64_t epoch) {
  Program* program = agent->program;
  const Monotonic free = std::max(program->blocked_until(), life_.now());
  life_.at(free + dice_.between(10us, 2ms), [this, agent, bytes, epoch] {
    if (agent->epoch != epoch || agent->program == nullptr || agent->program->ended()) return;
    if (!agent->program->takes()) return type(agent, bytes, epoch);
    const std::size_t taken = agent->program->type(bytes);
    if (taken < bytes.size()) return type(agent, bytes.substr(taken), epoch);
    life_.after(dice_.between(0us, 1ms), [this, agent, epoch] {
      if (agent->epoch != epoch || !agent->session) return;
      do_steps(agent, agent->session->written(life_.now()));
      look_whether_read(agent);
    });
  });
}

void BrokerProcess::look_whether_read(const ResidentPtr& agent) {
  const bool has_read = agent->program != nullptr && !agent->program->unread();
  if (!has_read || !agent->session || !agent->session->wants_drained()) return;
  do_steps(agent, agent->session->drained(life_.now()));
}

void BrokerProcess::wake_session(const ResidentPtr& agent) {
  const auto next = agent->session ? agent->session->next_deadline() : std::nullopt;
  if (!next || (agent->alarm && *agent->alarm <= *next && *agent->alarm > life_.now())) return;
  const Monotonic when = std::max(*next, life_.now() + 1ms);
  agent->alarm = when;
  life_.at(when, [this, agent, when] {
    if (agent->alarm != when) return;
    agent->alarm.reset();
    if (agent->session) do_steps(agent, agent->session->on_time(life_.now()));
  });
}

void BrokerProcess::hold(Resident& agent, bool on) {
  agent.held =
      !on || !agent.session ? std::nullopt : std::optional(agent.held.value_or(life_.now()));
  if (agent.session) do_steps(roster_.at(agent.name), agent.session->hold(life_.now(), on));
}

void BrokerProcess::end_message(Resident& agent, std::uint64_t number, InjectionOutcome outcome) {
  std::erase(agent.typing, number);
  auto message = agent.mailbox.ended(number);
  if (!message) return;
  agent.ends.insert(number);
  machine_.marks().ended(message->key, outcome);
  // The terminal has all of it, whether its program ever reads that or not.
  const bool unproven = outcome.reason == "not_read" || outcome.reason == "exited";
  if (outcome.end == InjectionEnd::typed && unproven && agent.program != nullptr) {
    world_.handed(agent.name, message->inbound.letter.body, agent.program->entered());
  }
  log("ended " + message->inbound.letter.body + " " + outcome.reason);
  queue_end(*message, std::move(outcome), agent.name);
}

void BrokerProcess::program_ended(const ResidentPtr& agent) {
  log("the program of " + agent->name + " has ended");
  if (agent->session) do_steps(agent, agent->session->exited(life_.now()));
  agent->ended = true;
  agent->mailbox.start_over(agent->typing);
  agent->typing.clear();
  if (agent->leaving) return;
  const std::string generation = agent->program->generation();
  const auto epoch = agent->epoch;
  life_.after(dice_.between(1ms, 2s), [this, agent, generation, epoch] {
    if (agent->leaving || agent->epoch != epoch) return;
    machine_.end_program(generation);
    let_go(*agent);
    const auto broker_keeps = [this, agent](Program* program) {
      broker::StoredAgent stored;
      stored.name = agent->name;
      stored.agent_id = agent->id;
      stored.generation = program->generation();
      job([this, stored] { machine_.journal().put_agent(stored); }, [](const Result<void>&) {});
    };
    if (agent->restarts) {
      Program& program = machine_.start_program(agent->name);
      attach(agent, program);
      broker_keeps(&program);
      return inventory_changed();
    }
    bury(*agent, "worker_exited");
    roster_.erase(agent->name);
    job([this, name = agent->name] { machine_.journal().remove_agent(name); },
        [](const Result<void>&) {});
    inventory_changed();
  });
}

void BrokerProcess::bury(Resident& agent, const std::string& reason) {
  for (const Mail& message : agent.mailbox.drain()) queue_end(message, dead_because(reason));
}

// Actions of the engine

void BrokerProcess::ask_registration(const std::string& name, const std::string& invocation,
                                     bool spawns, Registered then) {
  const std::string id = "agent_register_" + std::to_string(++ids_);
  if (!accepted_ || !questions_.ask_registration(life_.now(), id, name)) return then(std::nullopt);
  if (spawns) {
    clerk_.spawn_started(name);
    spawning_[id] = name;
  }
  wire::AgentRegister frame;
  frame.id = id;
  frame.name = name;
  if (!invocation.empty()) frame.invocation_id = invocation;
  waiting_[id] = std::move(then);
  if (!send(std::move(frame))) {
    questions_.abandon(id);
    answered(id, std::nullopt);
  }
  wake();
}

void BrokerProcess::answered(const std::string& question,
                             std::optional<wire::AgentRegistered> data) {
  auto waiting = waiting_.extract(question);
  if (!waiting) return;
  const auto name = spawning_.extract(question);
  if (name && !data) {
    clerk_.spawn_failed(life_.now(), name.mapped());
    work();
  }
  waiting.mapped()(std::move(data));
}

void BrokerProcess::spawn(const std::string& invocation, const std::string& name) {
  if (roster_.contains(name) || reserved_.contains(name)) {
    return give_result(invocation, std::string("spawn_agent_name_in_use"));
  }
  if (world_.options.max_agents != 0 &&
      roster_.size() + reserved_.size() >= world_.options.max_agents) {
    return give_result(invocation, std::string("spawn_failed: this broker is full"));
  }
  reserved_.insert(name);
  const auto give_up = [this, invocation, name](const std::string& why) {
    reserved_.erase(name);
    if (auto early = early_.extract(name)) {
      for (Mail& message : early.mapped()) deliver(std::move(message), "agent_gone");
    }
    give_result(invocation, "spawn_failed: " + why);
  };
  ask_registration(
      name, invocation, true,
      [this, invocation, name, give_up](const std::optional<wire::AgentRegistered>& data) {
        if (!data) return give_up("not registered");
        registered(data->agent_id, name, data->delivery_ack_seq);
        Program& program = machine_.start_program(name);
        broker::StoredAgent stored;
        stored.name = name;
        stored.agent_id = data->agent_id;
        stored.generation = program.generation();
        job([this, stored] { machine_.journal().put_agent(stored); },
            [this, invocation, stored, give_up](const Result<void>& kept) {
              Program* runs = machine_.find_program(stored.generation);
              if (!kept || runs == nullptr || runs->ended()) {
                machine_.end_program(stored.generation);
                wire::AgentDeregister frame;
                frame.agent_id = stored.agent_id;
                frame.name = stored.name;
                send(std::move(frame));
                released(stored.agent_id);
                job([this, stored] { machine_.journal().remove_agent(stored.name); },
                    [](const Result<void>&) {});
                return give_up("not kept");
              }
              reserved_.erase(stored.name);
              log("runs " + stored.name);
              attend(stored.name, stored.agent_id, *runs);
              if (auto early = early_.extract(stored.name)) {
                for (Mail& message : early.mapped()) deliver(std::move(message), "agent_gone");
              }
              inventory_changed();
              follow(liveness_.heartbeat_now(life_.now()));
              give_result(invocation, wire::Json());
            });
      });
}

void BrokerProcess::release(const std::string& invocation, const std::string& name) {
  const auto found = roster_.find(name);
  if (found == roster_.end() || found->second->leaving) {
    return give_result(invocation, std::string("release_failed: no such agent"));
  }
  const ResidentPtr agent = found->second;
  agent->leaving = true;
  life_.after(dice_.between(1ms, 2s), [this, agent, invocation] {
    log("releases " + agent->name);
    Program* program = agent->program;
    if (program != nullptr) {
      program->exit();
      const std::string generation = program->generation();
      let_go(*agent);
      machine_.end_program(generation);
    }
    bury(*agent, "agent_released");
    wire::AgentDeregister frame;
    frame.agent_id = agent->id;
    frame.name = agent->name;
    send(std::move(frame));
    released(agent->id);
    job([this, name = agent->name] { machine_.journal().remove_agent(name); },
        [this, agent, invocation](const Result<void>&) {
          roster_.erase(agent->name);
          inventory_changed();
          give_result(invocation, wire::Json());
        });
  });
}

void BrokerProcess::give_result(const std::string& invocation, Outcome outcome) {
  wire::ActionResult result;
  result.invocation_id = invocation;
  result.outcome = outcome;
  broker::OwedResult owed{invocation, wire::encode(result)};
  job([this, owed] { machine_.journal().results.push_back(owed); },
      [this, invocation, outcome](const Result<void>&) { finish(invocation, outcome); });
}

void BrokerProcess::finish(const std::string& invocation, Outcome outcome) {
  wire::ActionResult result;
  result.invocation_id = invocation;
  const auto* error = std::get_if<std::string>(&outcome);
  const bool passed_on = error != nullptr && *error == "handler_unavailable";
  result.outcome = std::move(outcome);
  doing_.erase(invocation);
  log("answers " + invocation + (error != nullptr ? " " + *error : std::string()));
  if (!outbox_.finished(invocation, wire::encode(result), passed_on)) return;
  running_.erase(invocation);
  flush();
  if (inventory_owed_ && may_list()) inventory_changed();
}

}  // namespace relay::simulation
