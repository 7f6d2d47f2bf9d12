#include "support/fake_engine_rest.hpp"

#include <algorithm>

#include "net/http_guard.hpp"
#include "support/fake_engine_record.hpp"
#include "wire/rest_workspace.hpp"

// Finding, authorizing and answering a request; workspaces and agents.
namespace relay::test {
namespace {

/// What stands where the pattern has braces.
std::vector<std::string> parameters_of(std::string_view pattern, std::string_view what) {
  std::vector<std::string> found;
  while (!pattern.empty() && !what.empty()) {
    const auto part = pattern.substr(0, pattern.find('/'));
    const auto word = what.substr(0, what.find('/'));
    if (!part.empty() && part.front() == '{') {
      found.push_back(net::percent_decoded(word).value_or(std::string(word)));
    }
    pattern.remove_prefix(std::min(part.size() + 1, pattern.size()));
    what.remove_prefix(std::min(word.size() + 1, what.size()));
  }
  return found;
}

net::HttpResponse refusal(int status, std::string code) {
  wire::ApiError error;
  error.message = "refused by the fake engine: " + code;
  error.code = std::move(code);
  return {status, "application/json", wire::encode_refusal(error)};
}

template <class Entry>
Entry entry_of(const FakeAgent& agent) {
  Entry entry;
  entry.id = agent.id;
  entry.name = agent.name;
  entry.handle = "@" + agent.name;
  entry.type = agent.type;
  entry.status = agent.status;
  entry.metadata = agent.metadata;
  entry.created_at = kFakeTime;
  entry.last_seen = kFakeTime;
  return entry;
}

}  // namespace

// The first that fits: fixed words before parameters.
const std::vector<FakeState::Endpoint>& FakeState::endpoints() {
  using Needs = Endpoint::Needs;
  using S = FakeState;
  static const std::vector<Endpoint> all{
      {"GET /health", Needs::nothing, &S::health},
      {"POST /v1/workspaces", Needs::nothing, &S::create_workspace},
      {"GET /v1/workspace", Needs::workspace, &S::show_workspace},
      {"POST /v1/agents", Needs::workspace, &S::create_agent},
      {"GET /v1/agents", Needs::workspace, &S::list_agents},
      {"GET /v1/agents/presence", Needs::any, &S::list_presence},
      {"POST /v1/agents/heartbeat", Needs::agent, &S::heartbeat},
      {"POST /v1/agents/disconnect", Needs::agent, &S::disconnect},
      {"POST /v1/agents/spawn", Needs::any, &S::spawn},
      {"POST /v1/agents/release", Needs::any, &S::release},
      {"GET /v1/agents/{name}", Needs::workspace, &S::show_agent},
      {"PATCH /v1/agents/{name}", Needs::any, &S::update_agent},
      {"DELETE /v1/agents/{name}", Needs::workspace, &S::delete_agent},
      {"POST /v1/agents/{name}/rotate-token", Needs::workspace, &S::rotate_agent_token},
      {"GET /v1/agent", Needs::agent, &S::show_agent},
      {"POST /v1/agent/node-token", Needs::agent, &S::mint_agent_node_token},
      {"POST /v1/nodes", Needs::workspace, &S::create_node},
      {"GET /v1/nodes", Needs::any, &S::list_nodes},
      {"GET /v1/nodes/{name}", Needs::any, &S::show_node},
      {"POST /v1/nodes/{name}/agents", Needs::workspace, &S::bind_agent},
      {"DELETE /v1/nodes/{name}/agents/{agent}", Needs::workspace, &S::unbind_agent},
      {"POST /v1/channels", Needs::any, &S::create_channel},
      {"GET /v1/channels", Needs::any, &S::list_channels},
      {"GET /v1/channels/{name}", Needs::any, &S::show_channel},
      {"POST /v1/channels/{name}/join", Needs::agent, &S::join_channel},
      {"POST /v1/channels/{name}/leave", Needs::agent, &S::leave_channel},
      {"POST /v1/channels/{name}/messages", Needs::agent, &S::post_message},
      {"POST /v1/dm", Needs::agent, &S::post_dm},
      {"POST /v1/messages/{id}/read", Needs::agent, &S::mark_read},
      {"GET /v1/deliveries", Needs::agent, &S::list_deliveries},
      {"POST /v1/actions/{name}/invoke", Needs::agent, &S::invoke_action},
      {"GET /v1/actions/{name}/invocations/{id}", Needs::any, &S::show_invocation},
      {"POST /v1/actions/{name}/invocations/{id}/complete", Needs::any, &S::complete_invocation},
  };
  return all;
}

net::HttpResponse FakeState::answer(const net::HttpRequest& request) {
  const std::string what = request.method + " " + std::string(request.path());
  try {
    for (const Endpoint& endpoint : endpoints()) {
      if (!is_meant(endpoint.pattern, what)) continue;
      Call call(request);
      call.parameters = parameters_of(endpoint.pattern, what);
      authorize(endpoint, call);
      return (this->*endpoint.handler)(call);
    }
    throw FakeRefusal{404, "not_found"};
  } catch (const FakeRefusal& refused) {
    return refusal(refused.status, refused.code);
  }
}

void FakeState::authorize(const Endpoint& endpoint, Call& call) {
  const std::string_view token = net::bearer_token(call.request.headers).value_or("");
  for (FakeWorkspace& each : workspaces) {
    if (each.key == token) call.workspace = &each;
  }
  for (FakeAgent& each : agents) {
    if (each.token == token) call.agent = &each;
  }
  if (endpoint.needs == Endpoint::Needs::nothing) return;
  const bool wants_agent = endpoint.needs == Endpoint::Needs::agent;
  const bool wants_workspace = endpoint.needs == Endpoint::Needs::workspace;
  if (call.workspace != nullptr && !wants_agent) return;
  if (call.agent != nullptr && !wants_workspace) {
    for (FakeWorkspace& each : workspaces) {
      if (each.id == call.agent->workspace) call.workspace = &each;
    }
    return;
  }
  if (call.workspace == nullptr && call.agent == nullptr) {
    if (token.rfind("at_", 0) == 0) throw FakeRefusal{401, "agent_token_invalid"};
    if (token.rfind("nt_", 0) == 0) throw FakeRefusal{401, "node_token_forbidden"};
  }
  throw FakeRefusal{401, "unauthorized"};
}

FakeAgent& FakeState::agent_of(const Call& call, std::string_view name) {
  FakeAgent* agent = find_agent(call.workspace->id, name);
  if (agent == nullptr) throw FakeRefusal{404, "agent_not_found"};
  return *agent;
}

net::HttpResponse FakeState::health(Call&) {
  return {200, "application/json", R"({"ok":true,"version":"5.0.7","build":"fake"})"};
}

net::HttpResponse FakeState::create_workspace(Call& call) {
  const auto body = fake_body<wire::WorkspaceCreate>(call.request);
  const bool known = call.workspace != nullptr && call.workspace->name == body.name;
  if (!known) add_workspace(body.name);
  const FakeWorkspace& workspace = known ? *call.workspace : workspaces.back();
  wire::WorkspaceCreated data;
  data.workspace_id = workspace.id;
  data.api_key = workspace.key;
  data.created_at = kFakeTime;
  return fake_answer(known ? 200 : 201, data);
}

net::HttpResponse FakeState::show_workspace(Call& call) {
  wire::Workspace data;
  data.id = call.workspace->id;
  data.name = call.workspace->name;
  data.plan = "selfhost";
  data.created_at = kFakeTime;
  return fake_answer(200, data);
}

net::HttpResponse FakeState::create_agent(Call& call) {
  const auto body = fake_body<wire::AgentCreate>(call.request);
  if (find_agent(call.workspace->id, body.name) != nullptr) {
    throw FakeRefusal{409, "agent_already_exists"};
  }
  FakeAgent& agent = add_agent(call.workspace->id, body.name);
  agent.type = body.type == wire::AgentType::human    ? "human"
               : body.type == wire::AgentType::system ? "system"
                                                      : "agent";
  agent.metadata = body.metadata.value_or(wire::Json());
  // As the published broker 12.4.1 asks, which then looks whether it was heard.
  if (call.request.body.find(R"("auto_join_general":false)") != std::string::npos) {
    for (FakeChannel& channel : channels) channel.members.erase(agent.name);
  }
  wire::AgentCreated data;
  data.id = agent.id;
  data.workspace_id = agent.workspace;
  data.name = agent.name;
  data.handle = "@" + agent.name;
  data.token = agent.token;
  data.status = agent.status;
  data.created_at = kFakeTime;
  return fake_answer(201, data);
}

net::HttpResponse FakeState::list_agents(Call& call) {
  const auto status = call.request.query_value("status");
  std::vector<wire::Agent> data;
  for (const FakeAgent& agent : agents) {
    if (agent.workspace != call.workspace->id || (status && agent.status != *status)) continue;
    data.push_back(entry_of<wire::Agent>(agent));
  }
  return fake_answer(200, data);
}

net::HttpResponse FakeState::list_presence(Call& call) {
  std::vector<wire::AgentPresence> data;
  for (const FakeAgent& agent : agents) {
    if (agent.workspace != call.workspace->id) continue;
    data.push_back({agent.id, agent.name, is_online(agent) ? "online" : "offline"});
  }
  return fake_answer(200, data);
}

net::HttpResponse FakeState::show_agent(Call& call) {
  const FakeAgent& agent =
      call.parameters.empty() ? *call.agent : agent_of(call, call.parameter(0));
  auto data = entry_of<wire::AgentDetail>(agent);
  for (const FakeChannel& channel : channels) {
    if (channel.workspace != agent.workspace || channel.members.count(agent.name) == 0) continue;
    data.channels.push_back({channel.id, channel.name, "member", kFakeTime});
  }
  return fake_answer(200, data);
}

net::HttpResponse FakeState::update_agent(Call& call) {
  const auto body = fake_body<wire::AgentUpdate>(call.request);
  FakeAgent& agent = agent_of(call, call.parameter(0));
  if (body.status) agent.status = *body.status;
  if (body.metadata) agent.metadata = *body.metadata;
  return fake_answer(200, entry_of<wire::Agent>(agent));
}

net::HttpResponse FakeState::delete_agent(Call& call) {
  const std::string id = agent_of(call, call.parameter(0)).id;
  agents.remove_if([&](const FakeAgent& each) { return each.id == id; });
  return net::HttpResponse(204);
}

net::HttpResponse FakeState::rotate_agent_token(Call& call) {
  FakeAgent& agent = agent_of(call, call.parameter(0));
  agent.token = new_token("at_live_", 16);
  wire::AgentToken data;
  data.name = agent.name;
  data.token = agent.token;
  return fake_answer(200, data);
}

net::HttpResponse FakeState::heartbeat(Call& call) {
  if (call.agent->status == "offline") call.agent->status = "active";
  return {200, "application/json", R"({"ok":true})"};
}

net::HttpResponse FakeState::disconnect(Call& call) {
  call.agent->status = "offline";
  go_home(*call.agent);
  return {200, "application/json", R"({"ok":true})"};
}

}  // namespace relay::test
