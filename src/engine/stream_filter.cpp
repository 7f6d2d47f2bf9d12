#include "engine/stream_filter.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace relay::engine {
namespace {

using Names = std::optional<std::vector<std::string>>;

bool lists(const Names& names, const std::string& name) {
  return std::find(names->begin(), names->end(), name) != names->end();
}

/// Both lists are one choice.
bool is_chosen(const StreamFacts& facts, const wire::ObserverFilters& filters) {
  const auto& ids = filters.channel_ids;
  const auto& names = filters.channel_names;
  if (!ids && !names) return true;
  return (ids && lists(ids, std::to_string(facts.channel))) ||
         (names && lists(names, facts.channel_name));
}

}  // namespace

StreamFacts facts_of(const StreamNews& news) {
  StreamFacts facts;
  facts.channel = news.channel;
  facts.channel_name = news.channel_name;
  facts.conversation = news.conversation;
  std::visit([&](const auto& each) { facts.type = each.type; }, news.event);
  if (const auto* message = std::get_if<wire::StreamMessage>(&news.event)) {
    facts.author = message->message.agent_id;
  } else if (const auto* dm = std::get_if<wire::StreamDm>(&news.event)) {
    facts.author = dm->message.agent_id;
  }
  return facts;
}

StreamFacts facts_of(const WorkspaceEvent& event) {
  StreamFacts facts;
  facts.type = event.type;
  facts.channel = event.channel;
  facts.channel_name = event.channel_name;
  facts.conversation = event.conversation;
  facts.author = event.author;
  return facts;
}

StreamFilter::StreamFilter(const std::string& json) {
  if (json.empty()) return;
  auto filters = wire::decode_body<wire::ObserverFilters>(json);
  unreadable_ = !filters;
  if (filters) filters_ = *std::move(filters);
}

bool StreamFilter::shows(const StreamFacts& facts) const {
  if (unreadable_) return false;
  if (filters_.event_types && !lists(filters_.event_types, facts.type)) return false;
  if (filters_.agent_ids && !facts.author.empty() && !lists(filters_.agent_ids, facts.author)) {
    return false;
  }
  if (!facts.conversation.empty()) {
    if (filters_.dm_conversation_ids) {
      return lists(filters_.dm_conversation_ids, facts.conversation);
    }
    return filters_.include_dms.value_or(true);
  }
  return facts.channel == 0 || is_chosen(facts, filters_);
}

}  // namespace relay::engine
