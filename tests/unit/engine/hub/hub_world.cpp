#include "engine/hub/hub_world.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "engine/dispatch.hpp"
#include "engine/events.hpp"
#include "net/timeout.hpp"

namespace relay::engine {
namespace {

constexpr Duration kHearWithin = std::chrono::seconds(60);
constexpr const char* kWorkspaceKey = "rk_live_team";

wire::JsonDocument parsed(const std::string& text) {
  auto document = wire::JsonDocument::parse(text, wire::kEngineLimits);
  if (!document) throw std::runtime_error("no JSON: " + text);
  return *std::move(document);
}

/// Nothing when none came in time, or the connection has ended.
asio::awaitable<std::optional<std::string>> next_text(net::WebSocket* socket) {
  auto message = co_await socket->receive(kHearWithin);
  if (!message) co_return std::nullopt;
  co_return std::move(message->payload);
}

asio::awaitable<int> count_frames(net::WebSocket* socket, int frames) {
  int heard = 0;
  while (heard < frames) {
    const auto message = co_await socket->receive(kHearWithin);
    if (!message) break;
    ++heard;
  }
  co_return heard;
}

}  // namespace

Heard::Heard(std::string text_in) : text(std::move(text_in)) {}

std::string Heard::at(std::string_view pointer) const {
  const auto document = parsed(text);
  const auto found = document.root().at(pointer);
  if (!found) return "";
  const auto string = found->string();
  return string ? std::string(*string) : found->json().text();
}

bool Heard::has(std::string_view pointer) const {
  return parsed(text).root().at(pointer).has_value();
}

std::string Heard::keys(std::string_view pointer) const {
  const auto document = parsed(text);
  const auto found = document.root().at(pointer);
  std::vector<std::string> names;
  if (found) {
    const auto members = found->members();
    for (const auto& member : members) names.emplace_back(member.key);
  }
  std::sort(names.begin(), names.end());
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

std::string Heard::json(std::string_view pointer) const {
  const auto document = parsed(text);
  const auto found = document.root().at(pointer);
  return found ? found->json().text() : "";
}

void Peer::say(const std::string& text) {
  const auto sent = world_.run(socket_->send(text, kHearWithin));
  if (!sent) throw std::runtime_error("cannot say: " + sent.error().message);
}

std::string Peer::next() {
  auto text = world_.run(next_text(&*socket_));
  if (text) return *std::move(text);
  throw std::runtime_error(socket_->end() ? "the connection has ended" : "heard nothing");
}

Heard Peer::hear() {
  for (;;) {
    Heard heard(next());
    if (heard.type() != "context.update") return heard;
    contexts.push_back(std::move(heard));
  }
}

Heard Peer::hear(std::string_view type) {
  if (type == "context.update") {
    while (contexts.empty()) {
      contexts.emplace_back(next());
    }
    Heard first = contexts.front();
    contexts.erase(contexts.begin());
    return first;
  }
  Heard heard = hear();
  if (heard.type() != type) {
    throw std::runtime_error("wanted " + std::string(type) + ", heard " + heard.text);
  }
  return heard;
}

void Peer::count(int frames) {
  REQUIRE(world_.run(count_frames(&*socket_, frames)) == frames);
}

void Peer::expect_silence() {
  say(R"({"v":1,"type":"no.such.frame"})");
  const auto heard = hear("error");
  CHECK(heard.at("/code") == "invalid_message");
}

int Peer::hear_end() {
  for (;;) {
    const auto text = world_.run(next_text(&*socket_));
    if (text) continue;
    if (!socket_->end()) throw std::runtime_error("it did not end");
    return socket_->end()->code;
  }
}

void Peer::close() {
  world_.run(socket_->close(net::ws_close::kNormal, "bye"));
}

HubWorld::HubWorld(const Clock* clock_in, HubSettings settings_in)
    : clock(clock_in != nullptr ? *clock_in : system), settings(std::move(settings_in)) {
  settings.on_failure = [this](std::string what) { failures.push_back(std::move(what)); };
  begin();
  workspace = get<Workspace>(
      [](Store& store) { return store.create_workspace("team", sha256_hex(kWorkspaceKey)); });
}

HubWorld::~HubWorld() {
  end();
}

void HubWorld::begin() {
  auto opened =
      SqliteDatabase::open(dir / "state" / "engine.db", files, clock, DeliveryStore::Limits());
  if (!opened) throw std::runtime_error(opened.error().message);
  database = *std::move(opened);
  thread = std::make_unique<StoreThread>(io.get_executor(), *database);
  hub = std::make_unique<Hub>(io.get_executor(), clock, random, *thread, settings);
  hub->start();
  server =
      std::make_unique<net::HttpServer>(io.get_executor(), net::HttpServerOptions(), hub->routes());
  auto listener = net::Listener::tcp(io.get_executor(), "127.0.0.1", port);
  if (!listener) throw std::runtime_error(listener.error().message);
  port = listener->port();
  server->serve(*std::move(listener));
}

void HubWorld::end() {
  run(server->stop(std::chrono::seconds(1)));
  // Peers of a test do not read meanwhile.
  run(hub->stop(std::chrono::milliseconds(100)));
  run(thread->close());
  server.reset();
  hub.reset();
  thread.reset();
  database.reset();
}

void HubWorld::restart() {
  end();
  begin();
}

Agent HubWorld::agent(const std::string& name) {
  NewAgent fresh;
  fresh.workspace = workspace.id;
  fresh.name = name;
  fresh.token_hash = "token " + std::to_string(++tokens_);
  return get<Agent>([fresh](Store& store) { return store.register_agent(fresh); });
}

Channel HubWorld::channel(const std::string& name, const std::vector<Agent>& members) {
  NewChannel fresh;
  fresh.workspace = workspace.id;
  fresh.name = name;
  return get<Channel>([fresh, members](Store& store) -> Result<Channel> {
    auto made = store.create_channel(fresh);
    if (!made) return made;
    for (const auto& member : members) {
      auto joined = store.join_channel(made->id, member.id);
      if (!joined) return fail(joined.error());
    }
    return made;
  });
}

Posted HubWorld::post(const Channel& channel, const Agent& author, const std::string& text) {
  MessageDraft draft;
  draft.channel = channel.id;
  draft.author = author.id;
  draft.text = text;
  return tell<Posted>([draft](Store& store, Happenings& to) {
    auto posted = store.append_message(draft);
    if (posted) tell_posted(store, *posted, to);
    return posted;
  });
}

Posted HubWorld::dm(const Agent& from, const Agent& to, const std::string& text) {
  const Id team = workspace.id;
  const auto conversation = get<Channel>(
      [team, from, to](Store& store) { return store.direct_conversation(team, from.id, to.id); });
  return post(conversation, from, text);
}

Posted HubWorld::reply(const Message& to, const Agent& author, const std::string& text) {
  MessageDraft draft;
  draft.channel = to.channel;
  draft.author = author.id;
  draft.answer_to = to.id;
  draft.text = text;
  return tell<Posted>([draft](Store& store, Happenings& told) {
    auto posted = store.append_message(draft);
    if (posted) tell_posted(store, *posted, told);
    return posted;
  });
}

Node HubWorld::broker(const std::string& name, std::uint32_t max_agents) {
  NodeEnrolment enrolment;
  enrolment.workspace = workspace.id;
  enrolment.node_id = "node_" + name;
  enrolment.name = name;
  enrolment.max_agents = max_agents;
  enrolment.token_hash = sha256_hex("nt_" + name);
  return get<Node>([enrolment](Store& store) { return store.enroll_node(enrolment); });
}

std::string HubWorld::direct_token(const Agent& agent) {
  const std::string token = "nt_" + std::to_string(agent.id);
  const Id node = agent.origin_node;
  get<bool>([node, token](Store& store) -> Result<bool> {
    auto set = store.set_node_token(node, sha256_hex(token));
    if (!set) return fail(set.error());
    return true;
  });
  return token;
}

Invocation HubWorld::spawn(const std::string& cli, const Agent& caller,
                           std::optional<std::string> target) {
  Spawn asked;
  asked.workspace = workspace.id;
  asked.capability = cli;
  asked.target = std::move(target);
  asked.caller = caller.id;
  asked.caller_name = caller.name;
  asked.input = R"({"name":"worker","cli":"claude"})";
  return tell<Invocation>([asked](Store& store, Happenings& to) {
    auto started = start_spawn(store, asked);
    if (started) tell_invoked(*started, to);
    return started;
  });
}

net::WsOutcome HubWorld::connect(const std::string& path, const std::string& token, bool in_query) {
  auto url = fmt::format("ws://127.0.0.1:{}{}", port, path);
  if (in_query) url += "?token=" + token;
  net::WsClientOptions options(url);
  if (!in_query && !token.empty()) options.headers.add("Authorization", "Bearer " + token);
  return run(net::ws_connect(std::move(options), &random));
}

std::unique_ptr<Peer> HubWorld::node_socket(const std::string& token) {
  auto outcome = connect("/v1/node/ws", token, false);
  if (!outcome.connected) throw std::runtime_error(outcome.connected.error().message);
  return std::make_unique<Peer>(this, std::move(outcome.connected->socket));
}

std::unique_ptr<Peer> HubWorld::node(const Node& node, const std::string& capabilities) {
  const bool is_direct = node.role == NodeRole::direct;
  auto peer = node_socket(
      "nt_" + (is_direct ? node.node_id.substr(sizeof("node_direct_") - 1) : node.name));
  peer->say(fmt::format(
      R"({{"v":1,"type":"node.register","id":"hello","name":"{}","node_id":"{}","capabilities":{},)"
      R"("max_agents":{},"tags":[],"version":"test","resume_cursor":null}})",
      node.name, node.node_id, capabilities, node.max_agents));
  const auto answer = peer->hear("reply");
  if (answer.at("/id") != "hello") throw std::runtime_error("another answer: " + answer.text);
  return peer;
}

std::unique_ptr<Peer> HubWorld::own_broker(const Node& node, const std::string& more) {
  return this->node(node, R"([{"name":"relay:delivery-cursor-v1","kind":"capacity"})" + more + "]");
}

Heard HubWorld::claim(Peer& peer, const std::string& name) {
  peer.say(R"({"v":1,"type":"agent.register","id":"claim","name":")" + name + R"("})");
  return peer.hear();
}

std::unique_ptr<Peer> HubWorld::watcher() {
  auto outcome = connect("/v1/ws", kWorkspaceKey, true);
  if (!outcome.connected) throw std::runtime_error(outcome.connected.error().message);
  auto peer = std::make_unique<Peer>(this, std::move(outcome.connected->socket));
  peer->say(R"({"type":"ping"})");
  const auto pong = peer->hear();
  if (pong.text != R"({"type":"pong"})") throw std::runtime_error("no pong: " + pong.text);
  return peer;
}

void HubWorld::until(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kHearWithin;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("it did not happen");
    turn();
  }
}

void HubWorld::turn() {
  // An operation of the store that does nothing: all that was asked of it before is done.
  get<bool>([](Store&) -> Result<bool> { return true; });
}

Agent HubWorld::look(const Agent& agent) {
  const Id id = agent.id;
  return get<Agent>([id](Store& store) { return store.agent(id); });
}

Node HubWorld::look(const Node& node) {
  const Id id = node.id;
  return get<Node>([id](Store& store) { return store.node(id); });
}

Invocation HubWorld::look(const Invocation& invocation) {
  const Id id = invocation.id;
  return get<Invocation>([id](Store& store) { return store.invocation(id); });
}

Delivery HubWorld::delivery(const Posted& posted, const Agent& to) {
  const Id message = posted.message.id;
  const Id agent = to.id;
  return get<Delivery>([message, agent](Store& store) { return store.delivery(agent, message); });
}

Result<Delivery> HubWorld::try_delivery(const Posted& posted, const Agent& to) {
  const Id message = posted.message.id;
  const Id agent = to.id;
  std::function<Result<std::vector<Delivery>>(Store&)> look = [=](Store& store) {
    auto found = store.delivery(agent, message);
    std::vector<Delivery> all;
    if (found) all.push_back(*found);
    return Result<std::vector<Delivery>>(std::move(all));
  };
  const auto found = run(thread->write<std::vector<Delivery>>(std::move(look)));
  if (!found) return fail(found.error());
  return found->at(0);
}

void HubWorld::fail_disk(bool fails) {
  disk.set(fails ? test::DiskFault::write_fails : test::DiskFault::does_not_sync);
}

void HubWorld::fill_disk(bool full) {
  disk.set(full ? test::DiskFault::full : test::DiskFault::does_not_sync);
}

void HubWorld::hold_disk(bool holds) {
  disk.set(holds ? test::DiskFault::sync_waits : test::DiskFault::does_not_sync);
  thread->answer_within(holds ? std::chrono::milliseconds(20) : std::chrono::seconds(60));
}

void HubWorld::until_failure(std::string_view what) {
  const auto deadline = std::chrono::steady_clock::now() + kHearWithin;
  const auto told = [&] {
    return std::any_of(failures.begin(), failures.end(), [&](const std::string& each) {
      return each.find(what) != std::string::npos;
    });
  };
  while (!told()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("no such failure");
    run(net::pause(std::chrono::milliseconds(5)));
  }
}

void HubWorld::until_acked(const Posted& posted, const Agent& to) {
  until([&] { return delivery(posted, to).status == DeliveryStatus::acked; });
}

}  // namespace relay::engine
