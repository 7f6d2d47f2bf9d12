#include "simulation/engine_machine.hpp"

#include <deque>
#include <map>
#include <set>
#include <utility>

#include "engine/events.hpp"
#include "engine/hub/courier.hpp"
#include "engine/hub/engine_frame_texts.hpp"
#include "engine/hub/mail.hpp"
#include "engine/hub/node_operations.hpp"
#include "engine/hub/sweep_operations.hpp"
#include "engine/refusal.hpp"
#include "engine/sweeps.hpp"
#include "simulation/world.hpp"

namespace relay::simulation {

using engine::Id;
using engine::MailRoom;
using engine::MemoryStore;
using engine::Outcome;
using engine::Store;
using namespace std::chrono_literals;

namespace {

constexpr Duration kAfterFailure = 1s;
constexpr std::size_t kMailboxesAtOnce = 256;

}  // namespace

/// The engine while it runs.
class EngineMachine::Process {
 public:
  Process(EngineMachine& machine, World& world)
      : machine_(machine),
        world_(world),
        life_(world.timeline),
        disk_(life_, world.dice),
        sweeps_(world.timeline.now()) {
    sweep_later();
  }
  ~Process() {
    for (const auto& accepted : wires_) {
      if (const auto wire = accepted.lock()) wire->forget_ears(Link::engine);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] Disk& disk() { return disk_; }
  [[nodiscard]] Life& life() { return life_; }

  void accept(const LinkPtr& wire, Id node) {
    auto socket = std::make_shared<Socket>();
    socket->wire = wire;
    std::erase_if(wires_, [](const auto& accepted) { return accepted.expired(); });
    wires_.push_back(wire);
    socket->caller.node = node;
    if (auto& current = links_[node]; current) {
      deregistered(*current);
      close_later(current);
      current = socket;
    } else {
      current = socket;
    }
    Link::Ears ears;
    ears.parcel = [this, socket](const Parcel& parcel) {
      life_.soon([this, socket, parcel] { hear(socket, parcel); });
    };
    ears.closed = [this, socket] {
      life_.soon([this, socket] {
        socket->ended = true;
        read(socket);
      });
    };
    wire->listen(Link::engine, life_, std::move(ears));
  }

  using Work = std::function<Result<Outcome>(Store&)>;
  using Then = std::function<void(Result<Outcome>)>;
  void operate(Work work, Then then) {
    auto outcome = std::make_shared<Result<Outcome>>(fail(Code::internal_error, "not done"));
    Disk::Job job;
    job.apply = [this, work = std::move(work), outcome] {
      *outcome = machine_.store_.operation<Outcome>(work);
      machine_.look();
    };
    job.answer = [outcome, then = std::move(then)](const Result<void>& written) {
      then(written ? std::move(*outcome) : Result<Outcome>(fail(written.error())));
    };
    disk_.run(std::move(job));
  }
  void apply(Outcome outcome) {
    for (const Id agent : outcome.away) room_.agent_away(agent);
    for (const Id agent : outcome.gone) room_.forget(agent);
    for (const auto& each : outcome.here) {
      room_.agent_here(each.agent, each.name, each.node, outcome.fresh);
      if (outcome.asks_again) room_.asked_again(each.agent, life_.now());
    }
    for (const auto& each : outcome.doubted) room_.agent_doubted(each.agent, each.name, each.node);
    for (const auto& happenings : outcome.happenings) {
      for (const auto& row : happenings.settled) room_.settled(row.agent, row.seq);
      for (const Id agent : happenings.mailboxes) room_.news(agent);
      for (const auto& invocation : happenings.dispatched) invoke(invocation);
    }
    bring();
  }

 private:
  struct Socket {
    LinkPtr wire;
    engine::NodeCaller caller;
    bool registered = false;
    std::deque<wire::NodeFrame> inbox;
    bool busy = false;
    bool ended = false;
  };
  using SocketPtr = std::shared_ptr<Socket>;

  // Frames of a node, one after the other.

  void hear(const SocketPtr& socket, const Parcel& parcel) {
    if (std::holds_alternative<Ping>(parcel)) {
      socket->wire->send(Link::engine, Pong());
    } else if (const auto* frame = std::get_if<wire::NodeFrame>(&parcel)) {
      socket->inbox.push_back(*frame);
      read(socket);
    }
  }

  void read(const SocketPtr& socket) {
    while (!socket->busy && !socket->inbox.empty()) {
      auto frame = std::move(socket->inbox.front());
      socket->inbox.pop_front();
      if (const auto* ack = std::get_if<wire::DeliveryAck>(&frame)) {
        acknowledge(*socket, ack->agent, ack->up_to_seq);
      } else {
        perform(socket, std::move(frame));
      }
    }
    if (socket->ended && !socket->busy) end(socket);
  }

  void perform(const SocketPtr& socket, wire::NodeFrame frame) {
    socket->busy = true;
    auto shared = std::make_shared<const wire::NodeFrame>(std::move(frame));
    std::vector<Id> here;
    for (const auto& [name, agent] : room_.agents_at(socket->caller.node)) here.push_back(agent);
    operate([caller = socket->caller, shared,
             here](Store& store) { return work(store, caller, *shared, here); },
            [this, socket, shared](Result<Outcome> outcome) {
              done(socket, *shared, std::move(outcome));
              socket->busy = false;
              read(socket);
            });
  }

  static Result<Outcome> work(Store& store, const engine::NodeCaller& caller,
                              const wire::NodeFrame& any, const std::vector<Id>& here) {
    static const Secret token("at_live_simulated");
    const Id node = caller.node;
    if (const auto* frame = std::get_if<wire::NodeRegister>(&any)) {
      return register_node(store, node, *frame);
    }
    if (const auto* frame = std::get_if<wire::NodeHeartbeat>(&any)) {
      return heartbeat(store, node, *frame, here);
    }
    if (const auto* frame = std::get_if<wire::AgentRegister>(&any)) {
      return register_agent_on(store, caller, *frame, token);
    }
    if (const auto* frame = std::get_if<wire::AgentDeregister>(&any)) {
      return engine::deregister_agent(store, caller, *frame);
    }
    if (const auto* frame = std::get_if<wire::InventorySync>(&any)) {
      return sync_node(store, caller, *frame);
    }
    if (const auto* frame = std::get_if<wire::ActionResult>(&any)) {
      return take_action_result(store, caller, *frame);
    }
    return leave_node(store, node);
  }

  void done(const SocketPtr& socket, const wire::NodeFrame& frame, Result<Outcome> outcome) {
    const std::string id = wire::id_of(frame).value_or("frame");
    if (!outcome) {
      socket->wire->send(Link::engine, engine::error_frame(id, outcome.error()));
      return;
    }
    if (const auto* manifest = std::get_if<wire::NodeRegister>(&frame)) {
      registered(socket, *manifest, outcome->at);
    }
    if (std::holds_alternative<wire::NodeDeregister>(frame)) deregistered(*socket);
    if (outcome->reply) {
      socket->wire->send(Link::engine, engine::reply_frame(id, *outcome->reply));
    }
    apply(*std::move(outcome));
  }

  void registered(const SocketPtr& socket, const wire::NodeRegister& frame, Wall at) {
    socket->caller.has_cursors = engine::wants_cursors(frame);
    if (links_[socket->caller.node] != socket) return;
    if (socket->registered) {
      for (const auto& [name, agent] : room_.agents_at(socket->caller.node)) {
        room_.asked_again(agent, life_.now());
      }
      return bring();
    }
    socket->caller.registered = at;
    socket->registered = true;
    world_.expect(++talking_[socket->caller.node] == 1, "a node has two connections that count");
    room_.node_up(socket->caller.node, engine::Numbering::durable);
  }

  void deregistered(Socket& socket) {
    if (!socket.registered) return;
    socket.registered = false;
    --talking_[socket.caller.node];
    room_.node_down(socket.caller.node);
  }

  void close_later(const SocketPtr& socket) {
    life_.after(world_.dice.between(0ms, 50ms), [socket] {
      socket->wire->close(Link::engine);
      socket->inbox.clear();
    });
  }

  void end(const SocketPtr& socket) {
    socket->ended = false;
    const Id node = socket->caller.node;
    if (links_[node] != socket) return;
    links_.erase(node);
    deregistered(*socket);
    operate([node](Store& store) { return leave_node(store, node); },
            [this, node](Result<Outcome> lost) {
              if (!lost) return;
              if (room_.is_up(node)) lost->away.clear();
              apply(*std::move(lost));
            });
  }

  // Mail out, acknowledgements in.

  void acknowledge(const Socket& socket, const std::string& agent, std::uint64_t up_to) {
    const auto ack = room_.acked(socket.caller.node, agent, up_to, life_.now());
    bring();
    if (!ack) return;
    engine::MailBook::Ack entry;
    entry.node = socket.caller.node;
    entry.workspace = MemoryStore::kWorkspace;
    entry.up_to = ack->up_to;
    entry.was_doubted = ack->was_doubted;
    book_.note_ack(ack->agent, entry);
    keep_book();
  }

  void bring() {
    if (bringing_) return;
    bringing_ = true;
    life_.after(0us, [this] { look_for_mail(); });
  }

  void look_for_mail() {
    const auto looks = room_.due(life_.now(), kMailboxesAtOnce);
    if (looks.empty()) {
      bringing_ = false;
      wait_for_mail();
      return;
    }
    life_.after(world_.dice.between(20us, 3ms), [this, looks] {
      auto mail = read_mail(machine_.store_, looks, engine::MailBudget());
      life_.after(world_.dice.between(0us, 1ms), [this, mail = std::move(mail)] {
        for (const auto& each : *mail) send(each);
        keep_book();
        look_for_mail();
      });
    });
  }

  void wait_for_mail() {
    auto next = room_.next();
    if (!room_.resting().empty()) next = life_.now() + 500ms;
    if (!next || (alarm_ && *alarm_ <= *next && *alarm_ > life_.now())) return;
    alarm_ = next;
    life_.at(*next, [this] {
      const std::vector<Id> resting(room_.resting().begin(), room_.resting().end());
      for (const Id node : resting) room_.reads_on(node);
      bring();
    });
  }

  void send(const engine::Mail& mail) {
    std::vector<std::uint64_t> seqs;
    for (const auto& letter : mail.letters) seqs.push_back(letter.seq);
    auto frames = room_.take(mail.look, seqs, mail.whole, life_.now());
    if (frames.empty()) return;
    const auto place = *room_.find(mail.look.agent);
    const auto link = links_.find(place.node);
    bool rests = false;
    std::size_t count = 0;
    for (; count < frames.size(); ++count) {
      const auto letter =
          std::find_if(mail.letters.begin(), mail.letters.end(),
                       [&](const auto& each) { return each.seq == frames[count].seq; });
      if (letter == mail.letters.end()) break;
      const auto text =
          deliver_frame(*letter, mail.look.agent, place.agent_name, frames[count].number);
      rests = link == links_.end() || !link->second->wire->send(Link::engine, text);
      if (rests) break;
      if (world_.stutters()) say_again(link->second, mail.look.agent, text);
      book_.sent[mail.look.agent].push_back(frames[count].seq);
    }
    frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(count));
    room_.not_sent(mail.look.agent, frames, rests);
  }

  /// The same frame once more, among those that come later.
  void say_again(const SocketPtr& socket, Id agent, const std::string& text) {
    life_.after(world_.dice.between(0s, 20s), [this, socket, agent, text] {
      const auto place = room_.find(agent);
      const auto link = links_.find(socket->caller.node);
      const bool still = place && place->node == socket->caller.node && link != links_.end() &&
                         link->second == socket && socket->registered;
      if (still) socket->wire->send(Link::engine, text);
    });
  }

  void keep_book() {
    if (booking_ || book_.empty()) return;
    booking_ = true;
    const auto book =
        std::make_shared<const engine::MailBook>(std::exchange(book_, engine::MailBook()));
    operate([book](Store& store) { return write_book(store, *book, false); },
            [this, book](Result<Outcome> written) {
              if (written) {
                booking_ = false;
                for (auto& happenings : written->happenings) happenings.settled.clear();
                apply(*std::move(written));
                return keep_book();
              }
              for (const auto& [agent, ack] : book->acks) {
                if (!book_.acks.contains(agent)) book_.note_ack(agent, ack);
              }
              life_.after(kAfterFailure, [this] {
                booking_ = false;
                keep_book();
              });
            });
  }

  void invoke(const engine::Invocation& invocation) {
    const auto link = links_.find(invocation.node);
    if (link == links_.end() || !link->second->registered) return;
    link->second->wire->send(Link::engine, engine::invoke_frame(invocation, {}));
  }

  void sweep_later() {
    life_.at(sweeps_.next(), [this] {
      for (const auto what : sweeps_.due(life_.now())) {
        operate([what](Store& store) { return engine::sweep(store, what); },
                [this, what](Result<Outcome> swept) {
                  if (!swept) return;
                  if (swept->again) sweeps_.again(what, life_.now());
                  apply(*std::move(swept));
                });
      }
      sweep_later();
    });
  }

  EngineMachine& machine_;
  World& world_;
  Life life_;
  Disk disk_;
  engine::Sweeps sweeps_;
  MailRoom room_;
  std::map<Id, SocketPtr> links_;
  /// All that were accepted and are still there.
  std::vector<std::weak_ptr<Link>> wires_;
  /// Registered connections of each node.
  std::map<Id, int> talking_;
  engine::MailBook book_;
  bool booking_ = false;
  bool bringing_ = false;
  std::optional<Monotonic> alarm_;
};

EngineMachine::EngineMachine(World& world)
    : world_(world),
      clock_(world.timeline),
      ids_(1, 1000),
      store_(clock_, ids_, world.options.mailboxes) {}

EngineMachine::~EngineMachine() = default;

void EngineMachine::start() {
  if (!process_) process_ = std::make_unique<Process>(*this, world_);
}

void EngineMachine::crash() {
  if (!process_) return;
  process_->disk().killed();
  process_.reset();
}

void EngineMachine::stop_until(Monotonic when) {
  if (process_) process_->life().stop_until(when);
}

Disk* EngineMachine::disk() {
  return process_ ? &process_->disk() : nullptr;
}

bool EngineMachine::accept(const LinkPtr& link, Id node) {
  if (!process_) return false;
  process_->accept(link, node);
  return true;
}

Id EngineMachine::enroll(const std::string& name) {
  engine::NodeEnrolment enrolment;
  enrolment.workspace = MemoryStore::kWorkspace;
  enrolment.name = name;
  return store_.operation<engine::Node>([&](Store& of) { return of.enroll_node(enrolment); })->id;
}

void EngineMachine::look() {
  for (const auto& each : store_.landmarks()) world_.landmark(each);
  const auto broken = store_.broken();
  world_.expect(!broken, broken.value_or(std::string()));
}

void EngineMachine::post(const std::string& agent, const std::string& text, bool steer,
                         Answer<bool> answer) {
  if (!process_) return;
  auto stored = std::make_shared<bool>(false);
  process_->operate(
      [agent, text, steer, stored](Store& store) -> Result<Outcome> {
        auto to = store.find_agent(MemoryStore::kWorkspace, agent);
        if (!to) return fail(std::move(to).error());
        engine::MessageDraft draft;
        draft.channel = to->id;
        draft.author = MemoryStore::kAuthor;
        draft.text = text;
        draft.steer = steer;
        draft.key = engine::IdempotencyKey{"messages", text, text};
        auto posted = store.append_message(draft);
        if (!posted) return fail(std::move(posted).error());
        *stored = posted->replayed || !posted->deliveries.empty();
        Outcome outcome;
        tell_posted(store, *posted, outcome.happenings.emplace_back());
        return outcome;
      },
      [this, stored, answer = std::move(answer)](Result<Outcome> outcome) {
        if (!outcome) return answer(fail(outcome.error()));
        process_->apply(*std::move(outcome));
        answer(*stored);
      });
}

void EngineMachine::call(Making making, Answer<Id> answer) {
  if (!process_) return;
  auto made = std::make_shared<Id>(0);
  process_->operate(
      [making = std::move(making), made](Store& store) -> Result<Outcome> {
        auto invocation = making(store);
        if (!invocation) return fail(std::move(invocation).error());
        *made = invocation->id;
        Outcome outcome;
        tell_invoked(*invocation, outcome.happenings.emplace_back());
        return outcome;
      },
      [this, made, answer = std::move(answer)](Result<Outcome> outcome) {
        if (!outcome) return answer(fail(outcome.error()));
        process_->apply(*std::move(outcome));
        answer(*made);
      });
}

}  // namespace relay::simulation
