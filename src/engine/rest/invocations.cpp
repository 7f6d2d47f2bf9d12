#include "base/json_writer.hpp"
#include "engine/dispatch.hpp"
#include "engine/events.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_actions.hpp"
#include "wire/rest_agents.hpp"

namespace relay::engine::rest {
namespace {

constexpr const char* kSpawnAction = "spawn";
constexpr const char* kReleaseAction = "release";

std::optional<std::string> node_name_of(const Store& store, Id node) {
  if (node == 0) return std::nullopt;
  auto known = store.node(node);
  if (!known) return std::nullopt;
  return known->node_id;
}

wire::Invoked invoked_view(const Store& store, const Invocation& invocation) {
  wire::Invoked view;
  view.invocation_id = invocation_id(invocation);
  view.action_name = invocation.action;
  if (invocation.handler_agent != 0) {
    view.handler_agent_id = std::to_string(invocation.handler_agent);
  } else {
    view.handler_node_id = node_name_of(store, invocation.node);
  }
  if (invocation.state == InvocationState::dispatched) {
    view.dispatched_node_id = node_name_of(store, invocation.node);
  }
  view.input = stored_json(invocation.input);
  view.status = name_of(invocation.state);
  view.created_at = wire_time(time_of(invocation.id));
  return view;
}

Answer invoked(const Store& store, const Invocation& invocation, Call& call) {
  tell_invoked(invocation, call.to);
  return created(invoked_view(store, invocation));
}

void fill_call(const Call& asked, std::string input, engine::Call& call) {
  call.workspace = asked.workspace();
  call.caller = asked.agent().id;
  call.caller_name = asked.by_agent() ? asked.agent().name : "workspace";
  call.input = std::move(input);
}

void text_or_null(JsonWriter& out, std::string_view key, const std::optional<std::string>& text) {
  out.key(key);
  if (text) {
    out.value(*text);
  } else {
    out.null();
  }
}

std::optional<std::string> text_at(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  const auto text = found ? found->string() : std::nullopt;
  if (!text || text->empty()) return std::nullopt;
  return std::string(*text);
}

/// The model of a spawn is also looked for where clients keep it.
std::optional<std::string> model_of(const wire::SpawnRequest& asked) {
  if (asked.model || !asked.metadata) return asked.model;
  auto document = wire::JsonDocument::parse(asked.metadata->text(), wire::kInboundLimits);
  if (!document) return std::nullopt;
  return text_at(document->root(), "model");
}

std::string spawn_input(const wire::SpawnRequest& asked) {
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_object();
           out.field("name", asked.name);
           out.field("cli", asked.cli);
           out.field("task", asked.task);
           text_or_null(out, "channel", asked.channel);
           text_or_null(out, "persona", asked.persona);
           text_or_null(out, "model", model_of(asked));
           out.key("metadata");
           out.raw(asked.metadata ? asked.metadata->text() : "null");
           out.end_object();
         })
      .text();
}

/// Where a spawn is to go, by the names that clients have for it.
std::optional<std::string> target_of(const wire::JsonView& input) {
  for (const std::string_view key : {"target_node", "node", "target"}) {
    auto target = text_at(input, key);
    if (target) return target;
  }
  return std::nullopt;
}

Result<Answer> release(Store& store, Call& call, const std::string& name, std::string input) {
  auto agent = store.find_agent(call.workspace(), name);
  if (!agent) return fail(std::move(agent).error());
  engine::Call order;
  fill_call(call, std::move(input), order);
  auto started = start_release(store, *agent, order);
  if (!started) return fail(std::move(started).error());
  return invoked(store, *started, call);
}

/// `spawn` and `release` through the way of all actions.
Result<Answer> invoke_built_in(Store& store, Call& call, const std::string& input) {
  auto document = wire::JsonDocument::parse(input, wire::kInboundLimits);
  if (!document) return refuse(Refusal::invalid_request, "input: expected an object");
  const auto root = document->root();
  if (call.parameter("name") == kReleaseAction) {
    const auto name = text_at(root, "name");
    if (!name) return refuse(Refusal::invalid_release_request, "input.name: who is to be released");
    return release(store, call, *name, input);
  }
  Spawn spawn;
  fill_call(call, input, spawn);
  auto capability = text_at(root, "capability");
  if (!capability) capability = text_at(root, "cli");
  spawn.capability = capability.value_or(std::string());
  spawn.target = target_of(root);
  auto started = start_spawn(store, spawn);
  if (!started) return fail(std::move(started).error());
  return invoked(store, *started, call);
}

Result<Invocation> invocation_asked(const Store& store, const Call& call) {
  const auto none = [] {
    return refuse(Refusal::invocation_not_found, "there is no such invocation");
  };
  const auto id = parse_id(call.parameter("id"), "inv_");
  if (!id) return none();
  auto invocation = store.invocation(*id);
  if (!invocation) return invocation;
  const bool of_here =
      invocation->workspace == call.workspace() && invocation->action == call.parameter("name");
  if (!of_here) return none();
  return invocation;
}

}  // namespace

Result<Answer> spawn_agent(Store& store, Call& call) {
  auto asked = call.body<wire::SpawnRequest>();
  if (!asked) return fail(std::move(asked).error());
  auto document = call.document();
  if (!document) return fail(std::move(document).error());
  Spawn spawn;
  fill_call(call, spawn_input(*asked), spawn);
  spawn.capability = asked->cli;
  spawn.target = target_of(document->root());
  auto started = start_spawn(store, spawn);
  if (!started) return fail(std::move(started).error());
  return invoked(store, *started, call);
}

Result<Answer> release_agent(Store& store, Call& call) {
  auto asked = call.body<wire::ReleaseRequest>();
  if (!asked) return fail(std::move(asked).error());
  auto input = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("name", asked->name);
    text_or_null(out, "reason", asked->reason);
    out.field("delete_agent", asked->delete_agent.value_or(false));
    out.end_object();
  });
  return release(store, call, asked->name, input.text());
}

Result<Answer> invoke_action(Store& store, Call& call) {
  auto asked = call.body<wire::InvokeRequest>();
  if (!asked) return fail(std::move(asked).error());
  const std::string input = asked->input ? asked->input->text() : "{}";
  const auto& name = call.parameter("name");
  auto action = store.find_action(call.workspace(), name);
  if (!action) {
    const bool unknown = refusal_of(action.error()) == Refusal::action_not_found;
    if (unknown && (name == kSpawnAction || name == kReleaseAction)) {
      return invoke_built_in(store, call, input);
    }
    return fail(std::move(action).error());
  }
  engine::Call order;
  fill_call(call, input, order);
  auto started = start_action(store, *action, order);
  if (!started) {
    if (refusal_of(started.error()) != Refusal::action_denied) {
      return fail(std::move(started).error());
    }
    // Who is denied hears of it, so this operation stands: nothing else was written.
    tell_denied(name, call.agent().id, call.agent().name, started.error().message, call.to);
    return refused(started.error());
  }
  return invoked(store, *started, call);
}

Result<Answer> complete_invocation(Store& store, Call& call) {
  auto asked = call.body<wire::InvocationComplete>();
  if (!asked) return fail(std::move(asked).error());
  auto invocation = invocation_asked(store, call);
  if (!invocation) return fail(std::move(invocation).error());
  if (invocation->handler_agent == 0) {
    return refuse(Refusal::node_owned_invocation, "its node says how this invocation ends");
  }
  if (call.by_agent() && invocation->handler_agent != call.agent().id) {
    return refuse(Refusal::forbidden, "another agent handles this invocation");
  }
  const std::string output = asked->output ? asked->output->text() : std::string();
  if (!agent_answered(*invocation, output, asked->error, asked->duration_ms, store.now())) {
    return refuse(Refusal::invocation_not_found, "this invocation has ended before");
  }
  auto put = store.put_invocation(*invocation);
  if (!put) return fail(std::move(put).error());
  tell_ended(*invocation, call.to);
  return show_invocation(store, call);
}

Result<Answer> show_invocation(const Store& store, Call& call) {
  auto invocation = invocation_asked(store, call);
  if (!invocation) return fail(std::move(invocation).error());
  wire::Invocation view;
  view.invocation_id = invocation_id(*invocation);
  view.action_name = invocation->action;
  if (invocation->caller != 0) view.caller_id = std::to_string(invocation->caller);
  view.caller_name = invocation->caller_name;
  view.input = stored_json(invocation->input);
  view.output = stored_json(invocation->output);
  view.status = name_of(invocation->state);
  view.error = invocation->error;
  view.duration_ms = invocation->duration_ms;
  if (invocation->dispatched) view.dispatched_node_id = node_name_of(store, invocation->node);
  view.dispatched_at = wire_time(invocation->dispatched);
  view.created_at = wire_time(time_of(invocation->id));
  view.completed_at = wire_time(invocation->completed);
  return good(view);
}

}  // namespace relay::engine::rest
