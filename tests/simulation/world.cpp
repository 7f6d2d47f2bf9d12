#include "simulation/world.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace relay::simulation {

using namespace std::chrono_literals;

namespace {

/// Of so many messages in one run some are read, whatever goes wrong.
constexpr std::size_t kEnoughToJudge = 50;
constexpr std::size_t kMostLines = 400000;
/// After the last fault: typing has 10 minutes, the engine sends again after 15, a token is tried
/// every 30 s.
constexpr Duration kHealsWithin = 60min;
constexpr std::string_view kToken = "letter-";
/// Three pieces of what is written to a terminal at once.
constexpr std::uint64_t kLongest = 12'000;
// Of the envelope.
constexpr std::string_view kHeader = "Relay message from ";
constexpr std::string_view kMark = ", mark ";
constexpr std::size_t kMarkDigits = 8;
constexpr std::string_view kRepeat = ", possible repeat";

/// The names of messages in a text, in their order; what is cut in the middle is none.
std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  for (auto at = text.find(kToken); at != std::string::npos; at = text.find(kToken, at + 1)) {
    const auto end = text.find_first_not_of("0123456789", at + kToken.size());
    if (end != std::string::npos && text[end] == ';') names.push_back(text.substr(at, end - at));
  }
  return names;
}

/// A message as it stands in a text, from its header to its end mark.
struct Reading {
  std::string name;
  bool repeat = false;
  /// Behind it.
  std::size_t end = 0;
};

/// What a reader finds in a text. A message whose end is missing is cut, and nothing.
std::vector<Reading> readings_in(const std::string& text) {
  std::vector<Reading> out;
  for (auto at = text.find(kHeader), next = at; at != std::string::npos; at = next) {
    next = text.find(kHeader, at + 1);
    const std::string piece = text.substr(at, next == std::string::npos ? next : next - at);
    const auto mark = piece.find(kMark);
    if (mark == std::string::npos) continue;
    const std::string its_mark = piece.substr(mark + kMark.size(), kMarkDigits);
    const auto end = piece.find("[end " + its_mark + "]");
    if (end == std::string::npos) continue;
    for (auto& name : names_in(piece.substr(0, end))) {
      Reading reading;
      reading.name = std::move(name);
      reading.repeat = piece.find(kRepeat) < mark;
      reading.end = at + end;
      out.push_back(std::move(reading));
    }
  }
  return out;
}

wire::Capability capability(const std::string& name) {
  wire::Capability one;
  one.name = name;
  return one;
}

std::string clock_text(Duration since) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  std::string fraction = std::to_string(ms % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(ms / 1000) + "." + fraction + "s ";
}

}  // namespace

WorldOptions WorldOptions::of_seed(std::uint64_t seed, int part) {
  Dice dice(seed ^ 0x5eedU);
  WorldOptions out;
  out.seed = seed;
  out.brokers = 1 + dice.below(3);
  out.max_agents = dice.chance(0.5) ? 0 : static_cast<std::uint32_t>(2 + dice.below(3));
  out.faults_for = dice.between(2min, 15min);
  if (dice.chance(0.5)) {
    out.slowness = 30;
    out.faults_for = dice.between(4h, 24h);
    out.liveness.heartbeat_every = 40s;
    out.liveness.inventory_every = 300s;
    out.liveness.ask_after = 100s;
    out.liveness.answer_within = 130s;
    out.liveness.black_hole_after = 150s;
    // Longer than between two inventories, as always.
    out.mailbox.hole_wait = 450s;
  }
  if (dice.chance(0.5)) out.bad_moments = dice.chance(0.5) ? 0.01 : 0.1;
  if (dice.chance(0.2)) out.stutter = 0.1;
  out.faults_for /= part;
  if (dice.chance(0.2)) out.mailbox.most_frames = 4 + dice.below(100);
  // Of its own, so that what a seed was before it still is.
  Dice terminals(seed ^ 0x7e41U);
  out.terminals_take_parts = terminals.chance(0.2);
  if (terminals.chance(0.15)) out.long_letters = 0.1;
  out.keeps_typing = !terminals.chance(0.1);
  if (terminals.chance(0.2)) out.deadly_inputs = 0.03;
  out.agents_come_back = terminals.chance(0.5);
  out.releases_in_haste = terminals.chance(0.15);
  // Only a clock that jumps ends what waits.
  out.mailboxes.ttl = 48h;
  return out;
}

World::World(WorldOptions options_in)
    : options(options_in),
      dice(options.seed),
      engine(*this),
      start_(timeline.now()),
      life_(timeline) {
  capabilities_ = {capability("spawn"), capability("release"), capability("work"),
                   capability("relay:delivery-cursor-v1")};
  engine.start();
  for (std::size_t i = 0; i < options.brokers; ++i) {
    const std::string name = "node" + std::to_string(i);
    brokers_.push_back(std::make_unique<BrokerMachine>(*this, name, engine.enroll(name)));
    brokers_.back()->start();
  }
}

World::~World() = default;

std::optional<std::string> World::run() {
  life_.after(2s, [this] { begin_traffic(); });
  life_.after(dice.between(3s, 60s), [this] { begin_faults(); });
  if (!run_until(start_ + options.faults_for)) return failure_;
  heal();
  const Monotonic deadline = timeline.now() + kHealsWithin;
  int quiet = 0;
  bool to_come_back = options.agents_come_back;
  while (timeline.now() < deadline && quiet < 3) {
    make_room();
    if (!run_until(timeline.now() + 30s)) return failure_;
    quiet = is_quiet() ? quiet + 1 : 0;
    if (quiet > 0 && std::exchange(to_come_back, false)) {
      call_back();
      quiet = 0;
    }
  }
  if (quiet < 3) {
    expect(false, what_waits());
    return failure_;
  }
  if (const auto broken = checker_.finish(gone())) expect(false, *broken);
  const auto all = figures();
  expect(all.accepted < kEnoughToJudge || all.read * 20 >= all.accepted,
         "of " + std::to_string(all.accepted) + " messages for agents that are there only " +
             std::to_string(all.read) + " were read");
  return failure_;
}

bool World::run_until(Monotonic end) {
  while (!failure_ && timeline.step(end)) {
  }
  return !failure_;
}

void World::log(const std::function<std::string()>& line) {
  if (!options.logs) return;
  tail_.push_back(clock_text(timeline.now() - start_) + line());
  if (tail_.size() > kMostLines) tail_.pop_front();
}

// What is seen

void World::record(Event event) {
  static constexpr const char* kNames[] = {"send",  "accepted", "refused", "unknown", "numbered",
                                           "shown", "handed",   "buried",  "acked",   "crashed",
                                           "moved", "call",     "called",  "answered"};
  log([&] {
    return std::string("** ") + kNames[static_cast<int>(event.kind)] + " " + event.agent + " " +
           event.message + (event.number != 0 ? " " + std::to_string(event.number) : "") +
           (event.repeat ? " (repeat)" : "") + (event.place.empty() ? "" : " at " + event.place);
  });
  if (const auto broken = checker_.take(event)) expect(false, *broken);
  if (faulty_ && options.bad_moments > 0 && dice.chance(options.bad_moments)) bad_moment();
}

void World::record(Event::Kind kind, const std::string& agent, const std::string& message) {
  Event event;
  event.kind = kind;
  event.agent = agent;
  event.message = message;
  record(std::move(event));
}

void World::landmark(const engine::Landmark& what) {
  using Kind = engine::Landmark::Kind;
  if (what.kind == Kind::called || what.kind == Kind::answered) {
    const std::string name = "inv_" + std::to_string(what.invocation);
    if (what.kind == Kind::called) record(Event::Kind::call, {}, name);
    record(what.kind == Kind::called ? Event::Kind::called : Event::Kind::answered, {}, name);
    return;
  }
  if (what.kind == Kind::placed) {
    const auto before = placed_.find(what.text);
    if (before != placed_.end() && before->second != what.node) {
      record(Event::Kind::moved, what.text, {});
    }
    placed_[what.text] = what.node;
    return;
  }
  for (const auto& name : names_in(what.text)) {
    if (what.kind == Kind::refused) {
      no_room_.insert(name);
      continue;
    }
    if (what.kind == Kind::numbered) numbered_.insert(name);
    Event event;
    event.message = name;
    event.number = what.seq;
    event.kind = what.kind == Kind::numbered ? Event::Kind::numbered
                 : what.kind == Kind::acked  ? Event::Kind::acked
                                             : Event::Kind::buried;
    record(std::move(event));
  }
}

void World::shown(const std::string& machine, const std::string& agent, std::string& text) {
  auto readings = readings_in(text);
  if (!readings.empty()) text.erase(0, readings.back().end);
  for (auto& reading : readings) {
    Event event;
    event.kind = Event::Kind::shown;
    event.agent = agent;
    event.place = machine;
    event.repeat = reading.repeat;
    event.out_of_order = out_of_order_.contains(reading.name);
    event.message = std::move(reading.name);
    record(std::move(event));
  }
}

void World::handed(const std::string& agent, const std::string& body, const std::string& entered) {
  const auto names = names_in(body);
  for (const auto& reading : readings_in(entered)) {
    const bool is_it = std::find(names.begin(), names.end(), reading.name) != names.end();
    if (is_it) record(Event::Kind::handed, agent, reading.name);
  }
}

void World::buried(const std::string& frame) {
  for (const auto& name : names_in(frame)) record(Event::Kind::buried, {}, name);
}

void World::out_of_order(const std::string& body) {
  for (const auto& name : names_in(body)) out_of_order_.insert(name);
}

void World::crashed(const std::string& agent) {
  record(Event::Kind::crashed, agent, {});
}

// Clients

void World::every(Duration mean, bool enabled, std::function<void()> what) {
  if (!enabled) return;
  life_.after(dice.between(0s, mean * 2 * options.slowness), [this, mean, what = std::move(what)] {
    if (!faulty_) return;
    what();
    every(mean, true, what);
  });
}

void World::begin_traffic() {
  faulty_ = true;
  for (std::size_t i = 0; i < brokers_.size() * 2; ++i) {
    call_spawn("agent" + std::to_string(++spawns_),
               i % 2 == 0 ? std::optional(brokers_[i / 2]->name()) : std::nullopt);
  }
  const Duration pace = dice.chance(0.3) ? dice.between(200ms, 4s) : dice.between(4s, 1min);
  every(pace, true, [this] {
    // Now and then many at once.
    const std::uint64_t count = dice.chance(0.02) ? 20 + dice.below(60) : 1;
    for (std::uint64_t i = 0; i < count; ++i) send_letter();
  });
  every(40s, dice.chance(0.7), [this] { call_work(); });
  every(90s, dice.chance(0.7),
        [this] { call_spawn("agent" + std::to_string(++spawns_), std::nullopt); });
  every(120s, dice.chance(0.5), [this] {
    if (const auto name = any_agent()) call_release(*name);
  });
  every(40s, options.releases_in_haste, [this] { release_in_haste(); });
  // An agent that was released comes back under its name.
  every(150s, dice.chance(0.5), [this] {
    const auto name = any_agent();
    if (name) call_spawn(*name, std::nullopt);
  });
}

/// What it has read by then is not acknowledged, and is sent again when it comes back.
void World::release_in_haste() {
  BrokerMachine& broker = any_broker();
  const auto name = any_agent();
  if (!name || !broker.has_agent(*name)) return;
  call_release(*name);
  for (int i = 0; i < 3; ++i) send_letter_to(*name);
  life_.after(dice.between(0ms, 1s), [&broker] {
    if (const auto link = broker.link()) link->cut(true, true);
  });
  life_.after(dice.between(2s, 30s),
              [this, name = *name, node = broker.name()] { call_spawn(name, node); });
}

BrokerMachine& World::any_broker() {
  return *brokers_[dice.below(brokers_.size())];
}

std::optional<std::string> World::any_agent() {
  if (agents_.empty()) return std::nullopt;
  return agents_[dice.below(agents_.size())];
}

void World::send_letter() {
  if (const auto agent = any_agent()) send_letter_to(*agent);
}

void World::send_letter_to(const std::string& agent) {
  auto letter = std::make_shared<Letter>();
  letter->name = std::string(kToken) + std::to_string(++letters_);
  letter->text = letter->name + ";";
  if (options.long_letters > 0 && dice.chance(options.long_letters)) {
    letter->text += " " + std::string(dice.below(kLongest), 'x');
  }
  letter->agent = agent;
  letter->steer = dice.chance(0.03);
  record(Event::Kind::send, letter->agent, letter->name);
  post(letter);
}

/// Until there is an answer, under the same key.
void World::post(const std::shared_ptr<Letter>& letter) {
  if (letter->answered) return;
  ++letter->tries;
  engine.post(letter->agent, letter->text, letter->steer, [this, letter](Result<bool> done) {
    const bool answer_is_lost = faulty_ && dice.chance(0.05);
    if (letter->answered || answer_is_lost) return;
    if (!done && done.error().detail.empty()) return;
    letter->answered = true;
    // Of two requests the other one may have been taken; and a mailbox that is full takes nothing,
    // which is told to the author as a message of its own.
    const bool is_kept = done && *done && numbered_.contains(letter->name);
    const bool is_certain = letter->tries == 1 && !done;
    expect(is_kept || !done || no_room_.contains(letter->name),
           "the engine has answered that it has message " + letter->name + ", and has not");
    record(is_kept      ? Event::Kind::accepted
           : is_certain ? Event::Kind::refused
                        : Event::Kind::unknown,
           letter->agent, letter->name);
  });
  life_.after(dice.between(1s, 6s), [this, letter] { post(letter); });
}

void World::call_spawn(const std::string& name, std::optional<std::string> target) {
  if (std::find(agents_.begin(), agents_.end(), name) == agents_.end()) agents_.push_back(name);
  engine.call(
      [name, target = std::move(target)](engine::Store& store) {
        engine::Spawn asked;
        asked.workspace = engine::MemoryStore::kWorkspace;
        asked.capability = "spawn";
        asked.target = target;
        asked.input = R"({"name":")" + name + R"("})";
        return start_spawn(store, asked);
      },
      [](const Result<engine::Id>&) {});
}

void World::call_release(const std::string& name) {
  engine.call(
      [name](engine::Store& store) -> Result<engine::Invocation> {
        auto agent = store.find_agent(engine::MemoryStore::kWorkspace, name);
        if (!agent) return fail(std::move(agent).error());
        engine::Call call;
        call.workspace = engine::MemoryStore::kWorkspace;
        call.input = R"({"name":")" + name + R"("})";
        return start_release(store, *agent, call);
      },
      [](const Result<engine::Id>&) {});
}

void World::call_work() {
  engine.call(
      [](engine::Store& store) -> Result<engine::Invocation> {
        auto action = store.find_action(engine::MemoryStore::kWorkspace, "work");
        if (!action) return fail(std::move(action).error());
        engine::Call call;
        call.workspace = engine::MemoryStore::kWorkspace;
        call.input = "{}";
        return start_action(store, *action, call);
      },
      [](const Result<engine::Id>&) {});
}

/// A spawn that waits for a place gets one.
void World::make_room() {
  const auto open = engine.store().open_calls();
  const bool waits = std::any_of(open.begin(), open.end(), [](const auto& each) {
    return each.action == "spawn" && each.state == engine::InvocationState::pending;
  });
  if (!waits || options.max_agents == 0) return;
  if (const auto name = any_agent()) call_release(*name);
}

/// What waits for agents that are gone is read.
void World::call_back() {
  for (const auto& name : gone()) call_spawn(name, std::nullopt);
}

// The end

std::vector<std::string> World::gone() const {
  std::vector<std::string> names;
  for (const auto& name : agents_) {
    const bool runs = std::any_of(brokers_.begin(), brokers_.end(),
                                  [&](const auto& each) { return each->has_agent(name); });
    if (!runs) names.push_back(name);
  }
  return names;
}

bool World::is_quiet() const {
  const bool connected = std::all_of(brokers_.begin(), brokers_.end(),
                                     [](const auto& each) { return each->is_connected(); });
  return connected && engine.store().open_calls().empty() && checker_.open(gone()).empty();
}

std::string World::what_waits() const {
  const auto broken = checker_.finish(gone());
  std::string out = broken.value_or("not quiet");
  for (const auto& call : engine.store().open_calls()) {
    out += "; inv_" + std::to_string(call.id) + " " + call.action + " of node " +
           std::to_string(call.node) + " is " + std::to_string(static_cast<int>(call.state));
  }
  for (const auto& each : brokers_) out += "\n  " + each->debug();
  return out;
}

}  // namespace relay::simulation
