#include "engine/event_log.hpp"

#include <utility>
#include <variant>

#include "engine/stream_filter.hpp"

namespace relay::engine {

Result<void> log_events(Store& store, Happenings& happened) {
  if (happened.stream.empty() || happened.workspace == 0) return {};
  auto last = store.event_log(happened.workspace);
  if (!last) return fail(std::move(last).error());
  if (!*last) return {};
  for (auto& news : happened.stream) {
    WorkspaceEvent event;
    auto facts = facts_of(news);
    event.type = std::move(facts.type);
    event.channel = facts.channel;
    event.channel_name = std::move(facts.channel_name);
    event.conversation = std::move(facts.conversation);
    event.author = std::move(facts.author);
    event.payload = wire::encode(news.event);
    auto seq = store.log_event(happened.workspace, event);
    if (!seq) return fail(std::move(seq).error());
    std::visit([&](auto& each) { each.seq = *seq; }, news.event);
  }
  return {};
}

}  // namespace relay::engine
