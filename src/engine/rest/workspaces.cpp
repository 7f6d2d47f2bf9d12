#include "engine/digest.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "net/http_guard.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::uint32_t kMostEvents = 500;

constexpr std::size_t kLongestWorkspaceName = 256;

wire::Workspace workspace_view(const Workspace& workspace) {
  wire::Workspace view;
  view.id = std::to_string(workspace.id);
  view.name = workspace.name;
  view.plan = "selfhost";
  view.system_prompt = workspace.system_prompt;
  view.created_at = wire_time(workspace.created);
  view.metadata = stored_json("{}");
  return view;
}

Answer prompt_answer(const std::optional<std::string>& prompt) {
  wire::SystemPrompt view;
  view.prompt = prompt;
  view.is_default = !prompt;
  return good(view);
}

Answer fleet_answer() {
  wire::FleetNodes view;
  view.enabled = true;
  view.default_enabled = true;
  return good(view);
}

Result<void> check_workspace_name(const std::string& name) {
  if (!name.empty() && name.size() <= kLongestWorkspaceName) return {};
  return refuse(Refusal::invalid_request, "a workspace's name has 1 to 256 bytes");
}

}  // namespace

Result<Answer> create_workspace(Store& store, Call& call) {
  auto asked = call.body<wire::WorkspaceCreate>();
  if (!asked) return fail(std::move(asked).error());
  auto fits = check_workspace_name(asked->name);
  if (!fits) return fail(std::move(fits).error());
  wire::WorkspaceCreated view;
  if (call.caller.kind == CallerKind::workspace) {
    auto mine = store.workspace(call.workspace());
    if (!mine) return fail(std::move(mine).error());
    if (mine->name == asked->name) {
      view.workspace_id = std::to_string(mine->id);
      view.created_at = wire_time(mine->created);
      const auto key = net::bearer_token(call.request.headers);
      if (key) view.api_key = std::string(*key);
      return good(view);
    }
  }
  const Secret key = new_token(TokenKind::workspace, call.random());
  auto made = store.create_workspace(asked->name, sha256_hex(key.reveal()));
  if (!made) return fail(std::move(made).error());
  view.workspace_id = std::to_string(made->id);
  view.api_key = key.reveal();
  view.created_at = wire_time(made->created);
  return created(view);
}

Result<Answer> workspace_by_name(const Store& store, Call& call) {
  auto found = store.find_workspace(call.parameter("name"));
  if (!found) return fail(std::move(found).error());
  wire::WorkspaceSummary view;
  view.id = std::to_string(found->id);
  view.name = found->name;
  view.created_at = wire_time(found->created);
  return good(view);
}

Result<Answer> show_workspace(const Store& store, Call& call) {
  auto found = store.workspace(call.workspace());
  if (!found) return fail(std::move(found).error());
  return good(workspace_view(*found));
}

Result<Answer> update_workspace(Store& store, Call& call) {
  auto asked = call.body<wire::WorkspaceUpdate>();
  if (!asked) return fail(std::move(asked).error());
  if (asked->name) {
    auto done = check_workspace_name(*asked->name);
    if (done) done = store.rename_workspace(call.workspace(), *asked->name);
    if (!done) return fail(std::move(done).error());
  }
  if (asked->system_prompt) {
    auto done = store.set_system_prompt(call.workspace(), asked->system_prompt);
    if (!done) return fail(std::move(done).error());
  }
  return show_workspace(store, call);
}

Result<Answer> delete_workspace(Store& store, Call& call) {
  auto nodes = store.nodes(call.workspace());
  if (!nodes) return fail(std::move(nodes).error());
  auto agents = store.agents(call.workspace(), std::nullopt);
  if (!agents) return fail(std::move(agents).error());
  auto removed = store.remove_workspace(call.workspace());
  if (!removed) return fail(std::move(removed).error());
  for (const auto& node : *nodes) call.to.cut_nodes.push_back(node.id);
  for (const auto& agent : *agents) call.to.changed_agents.push_back(agent.id);
  return nothing();
}

Result<Answer> show_system_prompt(const Store& store, Call& call) {
  auto found = store.workspace(call.workspace());
  if (!found) return fail(std::move(found).error());
  return prompt_answer(found->system_prompt);
}

Result<Answer> put_system_prompt(Store& store, Call& call) {
  auto asked = call.body<wire::SystemPromptUpdate>();
  if (!asked) return fail(std::move(asked).error());
  const bool reset = asked->reset.value_or(false);
  if (!reset && !asked->prompt) {
    return refuse(Refusal::invalid_request, "either prompt or reset has to be there");
  }
  const auto prompt = reset ? std::optional<std::string>() : asked->prompt;
  auto put = store.set_system_prompt(call.workspace(), prompt);
  if (!put) return fail(std::move(put).error());
  return prompt_answer(prompt);
}

/// A workspace whose events nobody has asked for keeps none.
Result<Answer> begin_event_log(Store& store, Call& call) {
  auto begun = store.begin_event_log(call.workspace());
  if (!begun) return fail(std::move(begun).error());
  return done();
}

Result<Answer> list_workspace_events(const Store& store, Call& call) {
  auto most = call.limit(200, kMostEvents + 1);
  if (!most) return fail(std::move(most).error());
  const auto asked = call.query("since");
  const auto since = asked && !asked->empty() ? parse_id(*asked) : std::optional<Id>(0);
  if (*most > kMostEvents || !since) {
    return refuse(Refusal::invalid_request, "limit is 1 to 500, since is a number of an event");
  }
  auto last = store.event_log(call.workspace());
  if (!last) return fail(std::move(last).error());
  auto events = store.workspace_events(call.workspace(), *since, *most);
  if (!events) return fail(std::move(events).error());
  wire::WorkspaceLog log;
  log.latest_seq = last->value_or(0);
  // What is hidden is behind the caller as well.
  log.next_since = events->empty() ? *since : events->back().seq;
  for (auto& event : *events) {
    if (!call.caller.may_see_of(event)) continue;
    wire::WorkspaceLogEvent& view = log.events.emplace_back();
    view.seq = event.seq;
    view.type = std::move(event.type);
    if (event.channel != 0) view.channel_id = std::to_string(event.channel);
    view.payload = stored_json(event.payload);
    view.created_at = wire_time(event.at);
  }
  return good(log);
}

// Nodes are always on; the switch is there for clients that turn it.
Result<Answer> show_fleet_nodes(const Store& /*store*/, Call& /*call*/) {
  return fleet_answer();
}

Result<Answer> put_fleet_nodes(Store& /*store*/, Call& call) {
  auto asked = call.body<wire::FleetNodesUpdate>();
  if (!asked) return fail(std::move(asked).error());
  return fleet_answer();
}

Result<Answer> list_activity(const Store& store, Call& call) {
  auto most = call.limit(20, kMostRows);
  if (!most) return fail(std::move(most).error());
  auto recent = store.recent_messages(call.workspace(), rows_for(call.caller, *most));
  if (!recent) return fail(std::move(recent).error());
  std::vector<wire::ActivityItem> items;
  for (const auto& [message, channel] : *recent) {
    if (items.size() == *most) break;
    if (!call.caller.may_see(channel) || !call.caller.may_see_of(message)) continue;
    wire::ActivityItem& item = items.emplace_back();
    const bool in_channel = channel.kind == ChannelKind::channel;
    item.type = in_channel ? "message" : "dm";
    item.id = std::to_string(message.id);
    if (in_channel) {
      item.channel_name = channel.name;
    } else {
      item.conversation_id = conversation_id(channel);
    }
    item.agent_name = message.author_name;
    item.text = message.text;
    item.created_at = wire_time(time_of(message.id));
  }
  return good(items);
}

}  // namespace relay::engine::rest
