#include "engine/hub/stream_filter.hpp"

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

StreamFacts facts_of(const wire::StreamMessageToClient& event, Id channel) {
  StreamFacts facts;
  facts.channel = channel;
  std::visit([&](const auto& each) { facts.type = each.type; }, event);
  if (const auto* message = std::get_if<wire::StreamMessage>(&event)) {
    facts.channel_name = message->channel;
    facts.author = message->message.agent_id;
  } else if (const auto* dm = std::get_if<wire::StreamDm>(&event)) {
    facts.conversation = dm->conversation_id;
    facts.author = dm->message.agent_id;
  } else if (const auto* about = std::get_if<wire::StreamChannel>(&event)) {
    facts.channel_name = about->channel.name;
  } else if (const auto* member = std::get_if<wire::StreamMember>(&event)) {
    facts.channel_name = member->channel;
  }
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
  return facts.channel_name.empty() || is_chosen(facts, filters_);
}

}  // namespace relay::engine
