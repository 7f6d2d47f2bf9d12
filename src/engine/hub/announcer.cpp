#include "engine/hub/announcer.hpp"

#include <utility>

#include "engine/hub/engine_frame_texts.hpp"
#include "engine/subscribers.hpp"
#include "net/timeout.hpp"

namespace relay::engine {
namespace {

constexpr Duration kLook = std::chrono::hours(1);
constexpr Duration kAfterFailedLook = std::chrono::seconds(1);

using Locating = std::function<Result<Outcome>(Store&)>;

Locating locating(std::set<Id> agents) {
  return [agents = std::vector<Id>(agents.begin(), agents.end())](const Store& store) {
    return locate_agents(store, agents);
  };
}

asio::awaitable<void> say_goodbye(NodeLinkPtr link, std::uint16_t code, std::string why) {
  co_await net::shielded();
  co_await link->socket.close(code, std::move(why));
}

}  // namespace

void Announcer::tell(Happenings happenings) {
  // What is to be delivered is in the store, for the next engine.
  if (parts_.stopping) return;
  for (const auto& row : happenings.settled) parts_.room.settled(row.agent, row.seq);
  for (const Id agent : happenings.mailboxes) parts_.room.news(agent);
  parts_.mail.notify();
  for (const Id node : happenings.cut_nodes) cut(node);
  if (!happenings.changed_agents.empty()) {
    changed_.insert(happenings.changed_agents.begin(), happenings.changed_agents.end());
    moved_.notify();
  }
  for (const auto& invocation : happenings.dispatched) invoke(invocation);
  for (const auto& notice : happenings.notices) notify(notice);
  for (const auto& news : happenings.context) update(happenings.workspace, news);
  for (auto& news : happenings.stream) watchers_.publish(happenings.workspace, std::move(news));
}

void Announcer::apply(Outcome outcome) {
  if (parts_.stopping) return;
  for (const Id agent : outcome.away) parts_.room.agent_away(agent);
  for (const Id agent : outcome.gone) parts_.room.forget(agent);
  for (const auto& each : outcome.here) {
    parts_.room.agent_here(each.agent, each.name, each.node, outcome.fresh);
    if (outcome.asks_again) parts_.room.asked_again(each.agent, parts_.clock.now());
  }
  for (const auto& each : outcome.doubted) {
    parts_.room.agent_doubted(each.agent, each.name, each.node);
  }
  parts_.mail.notify();
  for (auto& happenings : outcome.happenings) tell(std::move(happenings));
  if (outcome.is_outbound && parts_.settings.wake_outbox) parts_.settings.wake_outbox();
  if (!parts_.settings.on_failure) return;
  for (const Id id : outcome.full_outboxes) parts_.settings.on_failure(full_outbox_note(id));
}

asio::awaitable<void> Announcer::follow_agents() {
  for (;;) {
    if (changed_.empty()) {
      co_await moved_.wait(kLook);
      continue;
    }
    const auto agents = std::exchange(changed_, {});
    // Asked of the writer: its answers come in the order of what they describe.
    auto look = parts_.store.write<Outcome>(locating(agents));
    auto located = co_await std::move(look);
    if (located) {
      apply(*std::move(located));
      continue;
    }
    parts_.note("agents cannot be looked up", located.error());
    changed_.insert(agents.begin(), agents.end());
    co_await net::pause(kAfterFailedLook);
  }
}

void Announcer::cut(Id node) {
  const auto link = parts_.links.find(node);
  if (!link) return;
  parts_.tasks.spawn(say_goodbye(link, net::ws_close::kPolicy, "this token is not valid any more"));
}

void Announcer::invoke(const Invocation& invocation) {
  const auto link = parts_.links.find(invocation.node);
  if (!link || !link->registered) return;
  std::string handler;
  if (invocation.handler_agent != 0) {
    const auto* place = parts_.room.find(invocation.handler_agent);
    if (place != nullptr) handler = place->agent_name;
  }
  if (parts_.send(*link, invoke_frame(invocation, handler))) ++parts_.counts.actions;
}

void Announcer::notify(const Notice& notice) {
  std::optional<wire::Json> payload;
  const Id occasion = parts_.ids.next(parts_.clock.wall());
  for (const Id agent : notice.to) {
    const auto* place = parts_.room.find(agent);
    if (place == nullptr) continue;
    const auto link = parts_.links.find(place->node);
    if (!link) continue;
    if (!payload) payload = wire::encode_payload(notice.event);
    if (!parts_.send(*link, notice_frame(notice, *payload, occasion, agent, place->agent_name))) {
      continue;
    }
    parts_.room.event_sent(agent);
    ++parts_.counts.events;
  }
}

/// Our own broker, which asks for cursors, has no use for what others do: in a large fleet each
/// change would cost a frame for every node.
void Announcer::update(Id workspace, const ContextNews& news) {
  std::unordered_map<Id, std::vector<Id>> agents_of;
  for (const Id agent : news.agents) {
    const auto* place = parts_.room.find(agent);
    if (place != nullptr) agents_of[place->node].push_back(agent);
  }
  for (const auto& [node, agents] : agents_of) {
    const auto link = parts_.links.find(node);
    if (link && !link->caller.has_cursors) parts_.send(*link, context_frame(news, agents));
  }
  if (!news.agents.empty()) return;
  for (const auto& [node, link] : parts_.links.all()) {
    if (link->workspace != workspace || !link->registered || link->caller.has_cursors) continue;
    const auto& here = parts_.room.agents_at(node);
    std::vector<Id> named;
    if (here.size() <= kNamedAgents) {
      for (const auto& [name, agent] : here) named.push_back(agent);
    }
    parts_.send(*link, context_frame(news, named));
  }
}

}  // namespace relay::engine
