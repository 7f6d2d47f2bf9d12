#include "unit/node_control/delivery_world.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

namespace relay::node_control {
namespace {

constexpr std::int64_t kNever = INT64_MAX;
constexpr std::int64_t kInventoryPeriod = 60'000;

}  // namespace

DeliveryWorld::DeliveryWorld(std::uint64_t seed, bool trace)
    : random_(seed * 2 + 1), trace_(trace) {
  calm_ = chance(50);
  handshake_ = chance(50);
  drop_percent_ = static_cast<int>(random_.below(40));
  repeat_percent_ = static_cast<int>(random_.below(30));
  fail_percent_ = calm_ ? 0 : static_cast<int>(random_.below(40));
  most_delay_ = calm_ || chance(50) ? 300 : 15'000;
  // The start of an unknown agent is right only if the engine's repeats come within this wait.
  policy_.adopt_wait = std::chrono::milliseconds(std::max<std::int64_t>(1'000, most_delay_ + 600));
  if (!calm_ && chance(40)) policy_.most_frames = 1 + static_cast<std::size_t>(random_.below(5));
  book_ = std::make_unique<DeliveryBook>(policy_);
  const auto count = 1 + random_.below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    Agent agent;
    agent.name = "agent-" + std::to_string(++names_);
    agent.id = "id-" + std::to_string(++ids_);
    agents_.push_back(std::move(agent));
    // Messages from before this broker.
    for (auto n = random_.below(3); n > 0; --n) post(static_cast<std::size_t>(i));
  }
  if (chance(20)) {
    Agent ghost;
    ghost.name = "ghost";
    ghost.id = "id-ghost";
    ghost.here = true;
    ghost.ghost = true;
    agents_.push_back(std::move(ghost));
  }
}

std::optional<std::string> DeliveryWorld::run() {
  const auto steps = 5 + random_.below(35);
  for (std::uint64_t i = 0; i < steps && !failure_; ++i) step();
  if (!failure_) heal();
  return failure_;
}

void DeliveryWorld::step() {
  const std::size_t agent = any_agent();
  switch (random_.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3: post(agent); break;
    case 4: post_ephemeral(agent); break;
    case 5:
    case 6:
    case 7: inject(agent); break;
    case 8:
    case 9: advance(static_cast<std::int64_t>(random_.below(400))); break;
    case 10: advance(static_cast<std::int64_t>(random_.below(calm_ ? 5'000 : 100'000))); break;
    case 11: disconnect(); break;
    case 12:
    case 13: connect(); break;
    case 14:
      if (chance(40)) restart();
      break;
    case 15:
      if (auto& rows = agents_[agent].rows; !rows.empty()) {
        auto& row = rows[static_cast<std::size_t>(random_.below(rows.size()))];
        if (!row.acked) row.expired = true;
      }
      break;
    case 16:
    case 17: begin_register(agent); break;
    case 18:
      if (!calm_ && chance(50)) release(agent);
      break;
    default:
      if (chance(30)) rename(agent);
      if (!calm_ && chance(20)) recreate(agent);
      break;
  }
}

/// The faults end: everything that is still wanted must arrive, and a new message as well.
void DeliveryWorld::heal() {
  faults_ = false;
  note("heal");
  connect();
  // A register that is under way is answered first.
  advance(most_delay_ + 1);
  for (std::size_t i = 0; i < agents_.size(); ++i) begin_register(i);
  for (std::size_t i = 0; i < agents_.size(); ++i) post(i);
  // Each hole may cost its wait (90 s) when the mailbox is tiny.
  for (int round = 0; round < 400 && !failure_ && (round < 15 || !settled()); ++round) {
    advance(10'000);
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      while (!agents_[i].queue.empty() && !failure_) inject(i);
    }
  }
  for (const auto& agent : agents_) {
    if (failure_ || agent.deleted) continue;
    for (std::size_t i = 0; i < agent.rows.size(); ++i) {
      const auto& row = agent.rows[i];
      const auto which = agent.id + " " + std::to_string(i + 1);
      const int ended = agent.ghost ? row.dead : row.done;
      if (ended > 1) fail("surfaced to the end more than once: " + which);
      if (ended == 0 && !row.expired) fail("never surfaced: " + which);
      if (!row.acked && !row.expired) fail("never acknowledged: " + which);
    }
    for (const auto& row : agent.ephemeral) {
      if (row.done > 1) fail("ephemeral more than once: " + row.delivery_id);
    }
  }
  if (!failure_ && book_->counters().renumbered > 0) fail("renumbered without a reason");
}

bool DeliveryWorld::settled() const {
  return std::all_of(agents_.begin(), agents_.end(), [](const Agent& agent) {
    return agent.deleted || std::all_of(agent.rows.begin(), agent.rows.end(),
                                        [](const Row& row) { return row.acked || row.expired; });
  });
}

void DeliveryWorld::advance(std::int64_t by) {
  const std::int64_t until = now_ + by;
  while (!failure_) {
    std::int64_t next = kNever;
    std::size_t flight = line_.size();
    for (std::size_t i = 0; i < line_.size(); ++i) {
      if (line_[i].at < next) {
        next = line_[i].at;
        flight = i;
      }
    }
    std::size_t replying = agents_.size();
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      if (agents_[i].reply_at && *agents_[i].reply_at < next) {
        next = *agents_[i].reply_at;
        replying = i;
      }
    }
    const auto deadline = book_->next_deadline();
    const std::int64_t timer =
        deadline ? deadline->time_since_epoch() / std::chrono::milliseconds(1) : kNever;
    const std::int64_t tick = connected_ ? next_inventory_ : kNever;
    if (std::min({next, timer, tick}) > until) break;
    if (timer <= next && timer <= tick) {
      now_ = std::max(now_, timer);
      execute(book_->on_time(time()));
      const auto again = book_->next_deadline();
      if (again && *again <= time()) fail("a deadline that is over stays");
    } else if (tick <= next) {
      now_ = std::max(now_, tick);
      inventory();
    } else if (replying < agents_.size()) {
      now_ = std::max(now_, next);
      end_register(replying);
    } else {
      now_ = std::max(now_, next);
      const Flight arrived = line_[flight];
      line_.erase(line_.begin() + static_cast<std::ptrdiff_t>(flight));
      arrive(arrived);
    }
  }
  now_ = until;
}

std::int64_t DeliveryWorld::delay() {
  return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most_delay_)));
}

void DeliveryWorld::post(std::size_t agent) {
  auto& to = agents_[agent];
  if (to.deleted) return;
  Row row;
  row.delivery_id = to.id + "-" + std::to_string(to.rows.size() + 1);
  to.rows.push_back(std::move(row));
  ++sums_.posted;
  note("post " + to.id + " " + std::to_string(to.rows.size()));
  // The engine sends a new message once, if it can, and forgets about it when that fails.
  if (connected_ && to.here && !(faults_ && chance(drop_percent_))) {
    send(agent, to.rows.size(), 0);
  }
}

void DeliveryWorld::post_ephemeral(std::size_t agent) {
  auto& to = agents_[agent];
  if (to.deleted || !connected_ || !to.here) return;
  Row row;
  row.delivery_id = "evt-" + to.id + "-" + std::to_string(to.ephemeral.size());
  to.ephemeral.push_back(std::move(row));
  send(agent, 0, to.ephemeral.size() - 1);
}

void DeliveryWorld::send(std::size_t agent, std::uint64_t seq, std::size_t ephemeral) {
  const int copies = faults_ && chance(repeat_percent_) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    line_.push_back({now_ + delay(), false, agent, seq, ephemeral, agents_[agent].name});
  }
}

void DeliveryWorld::replay(std::size_t agent) {
  const auto& to = agents_[agent];
  if (!to.here || to.deleted) return;
  for (std::size_t i = 0; i < to.rows.size(); ++i) {
    const auto& row = to.rows[i];
    if (i + 1 > to.cursor && !row.acked && !row.expired) send(agent, i + 1, 0);
  }
}

void DeliveryWorld::inventory() {
  if (!connected_) return;
  next_inventory_ = now_ + kInventoryPeriod;
  note("inventory");
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    auto& agent = agents_[i];
    if (agent.deleted) continue;
    if (!agent.ghost && !agent.reply_at) agent.here = agent.hosted;
    replay(i);
  }
}

void DeliveryWorld::connect() {
  if (connected_) return;
  connected_ = true;
  note("connect");
  execute(book_->connected(time()));
  inventory();
}

void DeliveryWorld::disconnect() {
  if (!connected_) return;
  connected_ = false;
  note("disconnect");
  // What is on its way to the engine may still be read there; what comes back is lost.
  const auto line = std::exchange(line_, {});
  for (const auto& flight : line) {
    if (flight.to_engine && chance(50)) engine_ack(flight.name, flight.seq);
  }
  book_->disconnected();
  for (auto& agent : agents_) {
    if (!agent.reply_at) continue;
    agent.reply_at.reset();
    execute(book_->spawn_failed(time(), agent.name));
  }
}

void DeliveryWorld::restart() {
  disconnect();
  note("restart");
  ++sums_.restarts;
  book_ = std::make_unique<DeliveryBook>(book_->state(), time(), policy_);
}

void DeliveryWorld::begin_register(std::size_t agent) {
  auto& one = agents_[agent];
  if (!connected_ || one.hosted || one.reply_at || one.deleted || one.ghost) return;
  note("register " + one.id);
  book_->spawn_started(one.name);
  one.here = true;
  one.reply_at = now_ + delay();
  one.reply_cursor = one.cursor;
  replay(agent);
}

void DeliveryWorld::end_register(std::size_t agent) {
  auto& one = agents_[agent];
  one.reply_at.reset();
  one.hosted = true;
  one.bound_name = one.name;
  note("registered " + one.id);
  execute(book_->registered(
      time(), one.id, one.name,
      handshake_ ? std::optional<std::uint64_t>(one.reply_cursor) : std::nullopt));
}

void DeliveryWorld::release(std::size_t agent) {
  auto& one = agents_[agent];
  if (!one.hosted) return;
  note("release " + one.id);
  one.hosted = false;
  book_->released(one.id);
  // The program may have taken one more before it ended, which is reported late.
  if (!one.queue.empty() && one.queue.front() > 0 && chance(50)) inject(agent);
  for (const auto number : one.queue) {
    if (number > 0) one.rows[static_cast<std::size_t>(number - 1)].open = false;
  }
  one.queue.clear();
  if (connected_ && chance(80)) one.here = false;
}

void DeliveryWorld::rename(std::size_t agent) {
  auto& one = agents_[agent];
  if (one.deleted || one.ghost || one.reply_at) return;
  one.name = "agent-" + std::to_string(++names_);
  note("rename " + one.id + " to " + one.name);
  if (!one.hosted || chance(50)) return;
  one.bound_name = one.name;
  execute(book_->registered(time(), one.id, one.name));
}

/// The engine's agent is deleted and made anew under the same name; the broker registers that.
void DeliveryWorld::recreate(std::size_t agent) {
  if (!connected_ || !agents_[agent].hosted || agents_.size() > 6) return;
  // The line to the engine keeps its order: acks for the old one are read before.
  for (const auto& flight : line_) {
    if (flight.to_engine) engine_ack(flight.name, flight.seq);
  }
  std::erase_if(line_, [](const Flight& flight) { return flight.to_engine; });
  Agent next;
  next.name = agents_[agent].name;
  next.id = "id-" + std::to_string(++ids_);
  next.here = true;
  next.hosted = true;
  next.bound_name = next.name;
  auto& old = agents_[agent];
  old.deleted = true;
  old.here = false;
  old.hosted = false;
  old.queue.clear();
  note("recreate " + old.id + " as " + next.id);
  // Taking over the name that the broker knows is enough; else it has to be told.
  if (old.bound_name != old.name) book_->released(old.id);
  const std::string id = next.id;
  const std::string name = next.name;
  agents_.push_back(std::move(next));
  execute(book_->registered(time(), id, name));
}

/// The injector ends its oldest delivery of an agent.
void DeliveryWorld::inject(std::size_t agent) {
  auto& one = agents_[agent];
  if (one.queue.empty()) return;
  const std::int64_t number = one.queue.front();
  one.queue.erase(one.queue.begin());
  const bool ephemeral = number < 0;
  auto& row = ephemeral ? one.ephemeral[static_cast<std::size_t>(-1 - number)]
                        : one.rows[static_cast<std::size_t>(number - 1)];
  const auto seq = ephemeral ? 0 : static_cast<std::uint64_t>(number);
  row.open = false;
  if (faults_ && chance(fail_percent_)) {
    note("failed " + row.delivery_id);
    execute(book_->failed(time(), one.id, seq, row.delivery_id));
    return;
  }
  note("done " + row.delivery_id);
  ++row.done;
  if (row.done > 1) fail("finished twice: " + row.delivery_id);
  execute(book_->done(time(), one.id, seq, row.delivery_id));
}

void DeliveryWorld::arrive(const Flight& flight) {
  if (flight.to_engine) return engine_ack(flight.name, flight.seq);
  const auto& agent = agents_[flight.agent];
  const auto& row =
      flight.seq == 0 ? agent.ephemeral[flight.ephemeral] : agent.rows[flight.seq - 1];
  // A frame carries the name of the time when it was sent; the engine renames on the line as well,
  // because it renders a frame when it writes it.
  const auto decision =
      book_->deliver(time(), Delivery{agent.id, agent.name, row.delivery_id, flight.seq, "x"});
  note("frame " + row.delivery_id + " verdict " +
       std::to_string(static_cast<int>(decision.verdict)));
  if (decision.verdict == Verdict::duplicate || decision.verdict == Verdict::stale) {
    ++sums_.duplicates;
  }
  execute(decision.actions);
}

void DeliveryWorld::engine_ack(const std::string& name, std::uint64_t up_to) {
  for (auto& agent : agents_) {
    if (agent.name != name || !agent.here || agent.deleted || up_to <= agent.cursor) continue;
    agent.cursor = up_to;
    for (std::size_t i = 0; i < agent.rows.size() && i < up_to; ++i) agent.rows[i].acked = true;
  }
}

void DeliveryWorld::execute(const std::vector<DeliveryAction>& actions) {
  for (const auto& action : actions) {
    std::visit([this](const auto& one) { on(one); }, action);
  }
}

void DeliveryWorld::on(const Surface& action) {
  const auto& delivery = action.delivery;
  note((action.late ? "late " : "surface ") + delivery.delivery_id);
  Agent* agent = find(delivery.agent_id);
  if (agent == nullptr || !agent->hosted) return fail("surfaced for nobody");
  if (delivery.payload != "x") fail("the payload is not the engine's: " + delivery.delivery_id);
  if (delivery.seq == 0) {
    for (std::size_t i = 0; i < agent->ephemeral.size(); ++i) {
      auto& row = agent->ephemeral[i];
      if (row.delivery_id != delivery.delivery_id) continue;
      if (row.open || row.done > 0) fail("ephemeral twice: " + row.delivery_id);
      row.open = true;
      agent->queue.push_back(-1 - static_cast<std::int64_t>(i));
    }
    return;
  }
  auto& row = agent->rows[delivery.seq - 1];
  if (row.delivery_id != delivery.delivery_id) fail("another delivery id: " + row.delivery_id);
  if (row.open || row.done > 0) fail("surfaced twice: " + row.delivery_id);
  if (action.late) {
    ++sums_.late;
    if (calm_) fail("late in a calm schedule: " + row.delivery_id);
  } else {
    for (std::size_t i = delivery.seq; i < agent->rows.size(); ++i) {
      if (agent->rows[i].open || agent->rows[i].done > 0) {
        fail("out of order: " + row.delivery_id);
      }
    }
  }
  row.open = true;
  agent->queue.push_back(static_cast<std::int64_t>(delivery.seq));
}

void DeliveryWorld::on(const Ack& action) {
  note("ack " + action.agent_name + " " + std::to_string(action.up_to_seq));
  Agent* agent = find(action.agent_id);
  if (agent == nullptr) return fail("an ack for nobody");
  if (action.up_to_seq > agent->rows.size()) return fail("an ack beyond what was sent");
  for (std::size_t i = 0; i < action.up_to_seq; ++i) {
    const auto& row = agent->rows[i];
    if (row.done == 0 && row.dead == 0 && !row.expired && !row.acked) {
      fail("acknowledged but not done: " + row.delivery_id);
    }
  }
  if (connected_)
    line_.push_back({now_ + delay(), true, 0, action.up_to_seq, 0, action.agent_name});
}

void DeliveryWorld::on(const DeadLetter& action) {
  note("dead " + action.delivery.delivery_id);
  Agent* agent = find(action.delivery.agent_id);
  if (agent == nullptr) return fail("a dead letter of nobody");
  if (action.delivery.seq == 0) return;
  auto& row = agent->rows[action.delivery.seq - 1];
  if (++row.dead > 1) fail("dead twice: " + row.delivery_id);
  if (action.reason == DeadReason::unknown_agent && agent->hosted) {
    fail("dead although its agent lives here: " + row.delivery_id);
  }
}

void DeliveryWorld::on(const Skipped& action) {
  note("skipped " + std::to_string(action.first) + "-" + std::to_string(action.last));
  ++sums_.skipped;
}

void DeliveryWorld::on(const Renamed& action) {
  note("renamed to " + action.to);
}

void DeliveryWorld::on(const Renumbered& action) {
  fail("renumbered: " + action.agent_id);
}

DeliveryWorld::Agent* DeliveryWorld::find(const std::string& id) {
  for (auto& agent : agents_) {
    if (agent.id == id) return &agent;
  }
  return nullptr;
}

void DeliveryWorld::fail(const std::string& what) {
  note("FAILED " + what);
  if (!failure_) failure_ = what;
}

void DeliveryWorld::note(const std::string& what) {
  if (trace_) std::cout << now_ - 1'000'000 << "  " << what << "\n";
}

}  // namespace relay::node_control
