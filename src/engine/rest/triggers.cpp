#include <algorithm>

#include "base/json_writer.hpp"
#include "engine/dispatch.hpp"
#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/pattern.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_nodes.hpp"

namespace relay::engine::rest {
namespace {

/// A trigger fires at most once within it.
constexpr Duration kTriggerPause = std::chrono::seconds(5);
constexpr std::size_t kMostTriggers = 100;

/// claim_trigger decides; this saves the matching.
bool is_pausing(const Trigger& trigger, Wall now) {
  const auto last = trigger.last_triggered;
  return last && *last <= now && *last > now - kTriggerPause;
}

/// What an action has posted fires nothing, or two of them would go on for ever.
bool is_of_an_action(const std::string& metadata) {
  if (metadata.empty()) return false;
  auto document = wire::JsonDocument::parse(metadata, wire::kInboundLimits);
  if (!document) return false;
  const auto root = document->root();
  for (const std::string_view key :
       {"action_generated", "relaycast_action", "action_invocation_id", "trigger_id"}) {
    const auto value = root.find(key);
    if (value && !value->is_null() && value->boolean().value_or(true)) return true;
  }
  const auto source = root.find("source");
  return source && source->string().value_or("") == "action";
}

bool fires(const Trigger& trigger, const Posted& posted, const Channel& channel) {
  if (!trigger.enabled) return false;
  if (trigger.channel && without_hash(*trigger.channel) != channel.name) return false;
  if (trigger.mention) {
    std::string name = *trigger.mention;
    if (name.starts_with('@')) name.erase(0, 1);
    const auto& all = posted.mentions;
    if (std::find(all.begin(), all.end(), name) == all.end()) return false;
  }
  return !trigger.pattern || has_pattern(posted.message.text, *trigger.pattern);
}

std::string trigger_input(const Trigger& trigger, const Posted& posted, const Channel& channel) {
  const Message& message = posted.message;
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_object();
           out.field("trigger_id", "trg_" + std::to_string(trigger.id));
           out.key("message");
           out.begin_object();
           out.field("id", std::to_string(message.id));
           out.field("channel_id", channel_id(channel));
           out.field("channel_name", channel.name);
           out.field("agent_id", std::to_string(message.author));
           out.field("agent_name", message.author_name);
           out.field("text", message.text);
           out.key("mentions");
           out.raw(json_texts(posted.mentions).text());
           out.key("metadata");
           out.raw(stored_json(message.metadata).text());
           out.field("created_at", wire_time(time_of(message.id)));
           out.end_object();
           out.end_object();
         })
      .text();
}

wire::Trigger trigger_view(const Trigger& trigger) {
  wire::Trigger view;
  view.id = "trg_" + std::to_string(trigger.id);
  view.channel = trigger.channel;
  view.pattern = trigger.pattern;
  view.mention = trigger.mention;
  view.action_name = trigger.action;
  view.enabled = trigger.enabled;
  view.last_triggered_at = wire_time(trigger.last_triggered);
  view.created_at = wire_time(time_of(trigger.id));
  view.updated_at = wire_time(trigger.updated);
  return view;
}

Result<Trigger> trigger_asked(const Store& store, const Call& call) {
  const auto id = parse_id(call.parameter("id"), "trg_");
  return store.trigger(call.workspace(), id.value_or(0));
}

Result<void> check_pattern(const Trigger& trigger) {
  if (!trigger.pattern || is_pattern(*trigger.pattern)) return {};
  return refuse(Refusal::invalid_pattern,
                "pattern: a regular expression of at most 256 bytes, without back references, "
                "looking ahead and counted repetitions (a brace itself is written \\{)");
}

}  // namespace

void fire_triggers(Store& store, const Posted& posted, const Channel& channel, Happenings& to) {
  auto triggers = store.triggers(channel.workspace);
  if (!triggers || triggers->empty() || is_of_an_action(posted.message.metadata)) return;
  for (const auto& trigger : *triggers) {
    if (is_pausing(trigger, store.now()) || !fires(trigger, posted, channel)) continue;
    auto action = store.find_action(channel.workspace, trigger.action);
    if (!action) continue;
    auto mine = store.claim_trigger(trigger.id, store.now() - kTriggerPause);
    if (!mine || !*mine) continue;
    engine::Call order;
    order.workspace = channel.workspace;
    order.caller = posted.message.author;
    order.caller_name = posted.message.author_name;
    order.input = trigger_input(trigger, posted, channel);
    auto started = start_action(store, *action, order);
    if (started) tell_invoked(*started, to);
  }
}

Result<Answer> create_trigger(Store& store, Call& call) {
  auto asked = call.body<wire::TriggerCreate>();
  if (!asked) return fail(std::move(asked).error());
  Trigger trigger;
  trigger.workspace = call.workspace();
  trigger.channel = asked->channel;
  trigger.pattern = asked->pattern;
  trigger.mention = asked->mention;
  trigger.action = asked->action_name;
  trigger.enabled = asked->enabled.value_or(true);
  auto fits = check_pattern(trigger);
  if (!fits) return fail(std::move(fits).error());
  auto all = store.triggers(call.workspace());
  if (!all) return fail(std::move(all).error());
  if (all->size() >= kMostTriggers) {
    return refuse(Refusal::invalid_request, "a workspace has at most 100 triggers: delete one");
  }
  auto put = store.put_trigger(trigger);
  if (!put) return fail(std::move(put).error());
  return created(trigger_view(*put));
}

Result<Answer> list_triggers(const Store& store, Call& call) {
  auto triggers = store.triggers(call.workspace());
  if (!triggers) return fail(std::move(triggers).error());
  std::vector<wire::Trigger> views;
  for (const auto& trigger : *triggers) views.push_back(trigger_view(trigger));
  return good(views);
}

Result<Answer> show_trigger(const Store& store, Call& call) {
  auto trigger = trigger_asked(store, call);
  if (!trigger) return fail(std::move(trigger).error());
  return good(trigger_view(*trigger));
}

Result<Answer> update_trigger(Store& store, Call& call) {
  auto asked = call.body<wire::TriggerUpdate>();
  if (!asked) return fail(std::move(asked).error());
  auto trigger = trigger_asked(store, call);
  if (!trigger) return fail(std::move(trigger).error());
  if (asked->channel) trigger->channel = asked->channel;
  if (asked->pattern) trigger->pattern = asked->pattern;
  if (asked->mention) trigger->mention = asked->mention;
  if (asked->action_name) trigger->action = *asked->action_name;
  if (asked->enabled) trigger->enabled = *asked->enabled;
  auto fits = check_pattern(*trigger);
  if (!fits) return fail(std::move(fits).error());
  auto put = store.put_trigger(*trigger);
  if (!put) return fail(std::move(put).error());
  return good(trigger_view(*put));
}

Result<Answer> delete_trigger(Store& store, Call& call) {
  auto trigger = trigger_asked(store, call);
  if (!trigger) return fail(std::move(trigger).error());
  auto removed = store.remove_trigger(trigger->id);
  if (!removed) return fail(std::move(removed).error());
  return nothing();
}

}  // namespace relay::engine::rest
