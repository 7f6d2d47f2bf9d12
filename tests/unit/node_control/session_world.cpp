#include "session_world.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <stdexcept>

namespace relay::node_control {

wire::Json json(std::string_view text) {
  return wire::Json::parse(text).value();
}

void NotingBroker::surfaced(Delivery delivery, bool is_late) {
  order.push_back("surface " + std::to_string(delivery.seq));
  if (is_late) late.push_back(delivery);
  deliveries.push_back(std::move(delivery));
  changed.notify();
}

void NotingBroker::dead_letter(DeadLetter letter) {
  dead.push_back(std::move(letter));
  changed.notify();
}

void NotingBroker::skipped(Skipped range) {
  holes.push_back(std::move(range));
  changed.notify();
}

void NotingBroker::renamed(Renamed) {
  changed.notify();
}

void NotingBroker::invoked(wire::ActionInvoke action) {
  actions.push_back(std::move(action));
  changed.notify();
}

void NotingBroker::registered_again(std::string old_agent_id, wire::AgentRegistered agent) {
  for (auto& entry : agents) {
    if (entry.agent_id == old_agent_id) entry.agent_id = agent.agent_id;
  }
  again.emplace_back(std::move(old_agent_id), std::move(agent));
  changed.notify();
}

void NotingBroker::tunnel(const TunnelReport& report) {
  tunnels.emplace_back(name_of(report.state));
  changed.notify();
}

void NotingBroker::note(NoteLevel level, std::string text) {
  notes.emplace_back(level, std::move(text));
  changed.notify();
}

asio::awaitable<void> NotingBroker::until(std::function<bool()> holds, std::string what) {
  const auto end = SystemClock().now() + test::kSoon;
  while (!holds()) {
    const auto rest = end - SystemClock().now();
    if (rest <= Duration::zero()) throw std::runtime_error("did not happen: " + what);
    // Not everything that a test waits for is told to the broker.
    co_await changed.wait(std::min<Duration>(rest, 2ms));
  }
}

bool NotingBroker::noted(std::string_view words) const {
  return std::any_of(notes.begin(), notes.end(), [&](const auto& note) {
    return note.second.find(words) != std::string::npos;
  });
}

std::vector<std::uint64_t> NotingBroker::seqs() const {
  std::vector<std::uint64_t> out;
  for (const auto& delivery : deliveries) out.push_back(delivery.seq);
  return out;
}

void NotingBroker::add(const std::string& agent_id, const std::string& name,
                       std::string invocation) {
  wire::InventoryEntry entry;
  entry.agent_id = agent_id;
  entry.name = name;
  if (!invocation.empty()) entry.invocation_id = std::move(invocation);
  agents.push_back(std::move(entry));
}

void NotingBroker::drop(const std::string& name) {
  std::erase_if(agents, [&](const auto& entry) { return entry.name == name; });
}

asio::awaitable<Result<void>> MemoryStore::save(std::shared_ptr<const BookChange> change) {
  // As a real disk would, it takes a turn of the loop.
  co_await asio::post(asio::use_awaitable);
  if (fails) co_return fail(Code::disk_full, "no space left on device");
  ++saves;
  state = change->state;
  broker_.order.emplace_back("save");
  co_return Result<void>();
}

asio::awaitable<Result<NodeToken>> ListedTokens::get() {
  ++gets;
  if (failure) co_return fail(*failure);
  if (token.token.empty()) {
    ++minted;
    token.token = Secret(mint());
  }
  co_return token;
}

Result<void> ListedTokens::discard(const NodeToken& rejected) {
  ++discarded;
  if (token.token == rejected.token) token.token = Secret();
  return {};
}

SessionWorld::SessionWorld() {
  options.engine = engine.url();
  options.manifest.version = "relay-broker/test";
  // For an engine that answers, on a machine however busy. Who plays one that does not sets less.
  options.leave_within = 60s;
  wire::Capability spawn;
  spawn.name = "spawn:claude";
  spawn.kind = "capacity";
  options.manifest.capabilities.push_back(spawn);
  tokens.token.node_id = "node_1";
  tokens.token.node_name = "builder-1";
  tokens.token.token = Secret("nt_live_000000000000000000000000000000000000000000000001");
  tokens.mint = [this] {
    const std::string made = "nt_live_00000000000000000000000000000000000000000000100" +
                             std::to_string(tokens.minted % 10);
    engine.state().node("builder-1").token = made;
    return made;
  };
  engine.state().add_node("builder-1", "node_1", tokens.token.token.reveal());
}

SessionWorld::~SessionWorld() = default;

asio::awaitable<void> SessionWorld::whole(asio::awaitable<void> scenario) {
  std::exception_ptr broken;
  try {
    co_await std::move(scenario);
  } catch (...) {
    broken = std::current_exception();
  }
  if (session) co_await session->stop();
  // Nothing that a node sent may be refused by a strict engine.
  CHECK(engine.state().invalid_frames.empty());
  if (broken) std::rethrow_exception(broken);
}

asio::awaitable<Result<void>> SessionWorld::start() {
  session = std::make_unique<NodeSession>(io.get_executor(), clock, random, *token_source, store,
                                          broker, options);
  co_return co_await session->start();
}

asio::awaitable<void> SessionWorld::up() {
  const auto started = co_await start();
  REQUIRE(started.has_value());
  co_await connected();
  co_await engine.next_sent("reply:inventory.sync");
  co_await settle();
}

asio::awaitable<void> SessionWorld::connected() {
  auto holds = [this] { return session->status().connected && engine.open_sockets() > 0; };
  std::function<bool()> condition = holds;
  co_await broker.until(std::move(condition), "connected");
}

asio::awaitable<void> SessionWorld::settle_try() {
  auto ended = [this] {
    return session->status().connected || session->status().next_try_in.has_value();
  };
  std::function<bool()> condition = ended;
  co_await broker.until(std::move(condition), "a try ends");
}

asio::awaitable<void> SessionWorld::waits() {
  std::function<bool()> holds = [this] { return session->status().next_try_in.has_value(); };
  co_await broker.until(std::move(holds), "the session waits");
}

asio::awaitable<void> SessionWorld::invoked(std::size_t count) {
  std::function<bool()> came = [this, count] { return broker.actions.size() >= count; };
  co_await broker.until(std::move(came), "an action");
}

asio::awaitable<void> SessionWorld::finished(std::string invocation, std::string status) {
  std::function<bool()> holds = [this, invocation, status] {
    return engine.state().invocation(invocation).status == status;
  };
  co_await broker.until(std::move(holds), "the action is " + status);
}

asio::awaitable<void> SessionWorld::settle() {
  co_await engine.settle("builder-1");
}

asio::awaitable<void> SessionWorld::pass(Duration time) {
  for (Duration passed{}; passed < time; passed += 1s) {
    clock.advance(std::min<Duration>(1s, time - passed));
    session->look_again();
    co_await settle();
    co_await settle();
  }
}

asio::awaitable<void> SessionWorld::jump(Duration time) {
  clock.advance(time);
  session->look_again();
  for (int turn = 0; turn < 20; ++turn) co_await asio::post(asio::use_awaitable);
}

asio::awaitable<std::string> SessionWorld::agent(std::string name) {
  AgentWish wish(name);
  auto registered = co_await session->register_agent(std::move(wish));
  REQUIRE(registered.has_value());
  broker.add(registered->agent_id, name);
  session->inventory_changed();
  co_await settle();
  co_return registered->agent_id;
}

asio::awaitable<void> SessionWorld::saved() {
  for (int turn = 0; turn < 20; ++turn) co_await asio::post(asio::use_awaitable);
}

void SessionWorld::done(const Delivery& delivery) {
  session->done(delivery.agent_id, delivery.seq, delivery.delivery_id);
}

}  // namespace relay::node_control
