// A broker of a test: a real keeper, real programs and terminals; the engine and the disk are
// played.
#pragma once

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <functional>
#include <memory>

#include "base/random.hpp"
#include "broker/broker.hpp"
#include "net/timeout.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "pty/injection/profile_file.hpp"
#include "pty/screen/snapshot.hpp"
#include "support/keeper_world.hpp"
#include "support/memory_records.hpp"

namespace relay::broker {

using namespace std::chrono_literals;
using Scenario = asio::awaitable<void>;

using test::kPatience;

class NotingEngine final : public EngineSide {
 public:
  asio::awaitable<Result<node_control::AgentIdentity>> enroll(std::string name,
                                                              std::string invocation_id,
                                                              std::string session_id) override {
    (void)invocation_id;
    (void)session_id;
    if (refusal) co_return fail(*refusal);
    enrolled.push_back(name);
    node_control::AgentIdentity out;
    out.agent_id = "agt_" + name + "_" + std::to_string(enrolled.size());
    out.name = name;
    out.token = Secret("at_live_" + name);
    co_return out;
  }
  Result<void> deregister(const std::string& agent_id, const std::string& name) override {
    (void)name;
    deregistered.push_back(agent_id);
    return {};
  }
  asio::awaitable<Result<void>> delete_identity(std::string name, bool ours) override {
    (void)ours;
    deleted.push_back(std::move(name));
    co_return Result<void>();
  }
  asio::awaitable<Result<PublishedMessage>> publish(OutboundMessage message) override {
    published.push_back(message.to + " " + message.text + " " + message.token.reveal());
    if (no_publishing) co_return fail(*no_publishing);
    co_return PublishedMessage("msg_1");
  }
  asio::awaitable<Result<bool>> has_message(std::string id, Secret token) override {
    (void)token;
    co_return id == "msg_there";
  }
  asio::awaitable<Result<void>> change_channel(std::string channel, Secret token,
                                               bool in) override {
    memberships.push_back((in ? "+" : "-") + channel + " " + token.reveal());
    bool answers = true;
    if (channels_wait != nullptr) answers = co_await channels_wait->wait(kPatience);
    if (!answers) co_return fail(Code::timeout, "no answer");
    co_return Result<void>();
  }
  void done(const std::string& agent_id, std::uint64_t seq,
            const std::string& delivery_id) override {
    (void)agent_id;
    (void)delivery_id;
    acknowledged.push_back(seq);
  }
  void finish(const std::string& invocation_id,
              std::variant<wire::Json, std::string> outcome) override {
    outcomes[invocation_id] = std::holds_alternative<std::string>(outcome)
                                  ? std::get<std::string>(outcome)
                                  : std::get<wire::Json>(outcome).text();
  }
  void owe(const std::string& invocation_id, std::string frame) override {
    owed[invocation_id] = std::move(frame);
  }
  void agents_changed() override { ++changes; }
  void offer(std::vector<wire::Capability> capabilities) override {
    offered.clear();
    for (const auto& one : capabilities) offered.push_back(one.name);
  }
  [[nodiscard]] node_control::NodeStatus status() const override { return {}; }

  std::optional<Error> refusal;
  std::optional<Error> no_publishing;
  std::vector<std::string> enrolled;
  std::vector<std::string> deregistered;
  std::vector<std::string> published;
  std::vector<std::string> memberships;
  /// It does not answer before that.
  net::Event* channels_wait = nullptr;
  std::vector<std::string> deleted;
  std::vector<std::uint64_t> acknowledged;
  std::map<std::string, std::string> outcomes;
  std::map<std::string, std::string> owed;
  std::vector<std::string> offered;
  int changes = 0;
};

/// A reader of lines: what it reads it prints again behind "got ".
inline constexpr const char* kReader = "stty -echo; while read -r l; do echo \"got $l\"; done";

struct World : test::KeeperWorld {
  World() {
    open();
    begin();
  }
  ~World() { end(Broker::Agents::end); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// A broker on what the last one left.
  void begin() {
    watch = std::make_unique<pty::InputWatch>(io().get_executor());
    events = std::make_unique<EventLog>(io().get_executor());
    roster = std::make_unique<Roster>(io().get_executor());
    parts = std::make_unique<BrokerParts>(io().get_executor(), clock, random, files, records,
                                          client(), *watch, *events, *roster);
    parts->engine = &engine;
    parts->settings.runtime_dir = temp / "run";
    parts->settings.state_dir = temp / "state";
    parts->settings.directory = temp.path();
    parts->settings.environment = temp.environment();
    parts->settings.engine = "http://127.0.0.1:1";
    parts->settings.release_grace = 200ms;
    parts->settings.remind_every = 20ms;
    parts->settings.handler_within = handler_within;
    parts->profiles = pty::builtin_profiles();
    Broker::Hooks hooks;
    hooks.on_end = [this](std::optional<Error> why) { ended_by = std::move(why); };
    hooks.on_note = [this](node_control::NoteLevel level, std::string text) {
      (void)level;
      notes.push_back(std::move(text));
    };
    broker = std::make_unique<Broker>(*parts, std::move(hooks));
    tasks = std::make_unique<net::TaskGroup>(io().get_executor());
    tasks->spawn(watch->run());
    REQUIRE(run(broker->start()));
  }
  void end(Broker::Agents agents) {
    if (!broker) return;
    run(stop_all(agents));
    broker.reset();
    tasks.reset();
    roster.reset();
  }
  Scenario stop_all(Broker::Agents agents) {
    co_await broker->stop(agents);
    tasks->cancel();
    co_await tasks->join();
  }

  template <class Play>
  void play(Play scenario) {
    run(scenario(*this));
  }
  static SpawnRequest request(std::string name, std::string script) {
    SpawnRequest out;
    out.name = std::move(name);
    out.command = {"sh", "-c", std::move(script)};
    return out;
  }
  Scenario until(std::function<bool()> holds, std::string what) {
    const Monotonic deadline = clock.now() + kPatience;
    while (!holds()) {
      if (clock.now() > deadline) throw std::runtime_error("never: " + what);
      co_await net::pause(2ms);
    }
  }
  std::string screen(const std::string& name) {
    const auto view = broker->screen(name);
    return view ? pty::plain_snapshot(*view) : view.error().message;
  }
  [[nodiscard]] std::vector<std::string> kinds() const {
    std::vector<std::string> out;
    for (const auto& event : events->since(0).events) {
      const auto json = wire::JsonDocument::parse(event.json, wire::kEngineLimits);
      out.emplace_back(*json->root().find("kind")->string());
    }
    return out;
  }
  [[nodiscard]] bool told(std::string_view kind) const {
    const auto all = kinds();
    return std::find(all.begin(), all.end(), kind) != all.end();
  }
  /// A message of the engine, as the node's session gives it.
  void deliver(const std::string& name, std::uint64_t seq, const std::string& text) {
    Agent* agent = roster->find(name).get();
    node_control::Delivery delivery;
    delivery.agent_id = agent == nullptr ? "agt_gone" : agent->agent_id;
    delivery.agent_name = name;
    delivery.delivery_id = "del_" + std::to_string(seq);
    delivery.seq = seq;
    delivery.payload = R"({"v":1,"type":"deliver","agent":")" + name + R"(","agent_id":")" +
                       delivery.agent_id + R"(","delivery_id":")" + delivery.delivery_id +
                       R"(","msg_id":"msg_)" + std::to_string(seq) + R"(","seq":)" +
                       std::to_string(seq) +
                       R"(,"mode":"wait","payload":{"type":"dm.received","data":{)"
                       R"("from_name":"bob","text":")" +
                       text + R"("}}})";
    StoredMessage stored;
    stored.key = {delivery.agent_id, delivery.delivery_id, seq};
    stored.agent_name = name;
    stored.frame = delivery.payload;
    records.save(std::move(stored));
    broker->node_handler().surfaced(std::move(delivery), false);
  }

  Duration handler_within = 10min;
  SystemClock clock;
  os::SystemRandom random;
  os::PosixFiles files{random};
  test::MemoryRecords records;
  NotingEngine engine;
  std::unique_ptr<pty::InputWatch> watch;
  std::unique_ptr<EventLog> events;
  std::unique_ptr<Roster> roster;
  std::unique_ptr<BrokerParts> parts;
  std::unique_ptr<Broker> broker;
  std::unique_ptr<net::TaskGroup> tasks;
  std::optional<Error> ended_by;
  std::vector<std::string> notes;
};

inline Scenario spawn_into(World* world, SpawnRequest wanted,
                           std::optional<Result<SpawnedAgent>>* into) {
  auto made = co_await world->broker->spawn(std::move(wanted));
  into->emplace(std::move(made));
}

}  // namespace relay::broker
