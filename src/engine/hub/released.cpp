#include "engine/hub/released.hpp"

#include "base/json_writer.hpp"
#include "engine/events.hpp"
#include "engine/refusal.hpp"
#include "engine/views.hpp"

namespace relay::engine {
namespace {

constexpr const char* kRelease = "release";

struct ReleaseInput {
  std::string name;
  std::optional<std::string> reason;
  bool remove = false;
};

std::optional<ReleaseInput> release_input(const std::string& json) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  if (!document) return std::nullopt;
  const auto root = document->root();
  const auto name = root.find("name");
  const auto named = name ? name->string() : std::nullopt;
  if (!named) return std::nullopt;
  ReleaseInput input;
  input.name = std::string(*named);
  const auto reason = root.find("reason");
  const auto why = reason ? reason->string() : std::nullopt;
  if (why) input.reason = std::string(*why);
  const auto remove = root.find("delete_agent");
  input.remove = remove && remove->boolean().value_or(false);
  return input;
}

}  // namespace

std::string with_release(const std::string& metadata, const std::optional<std::string>& reason,
                         Wall at) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  const auto document = wire::JsonDocument::parse(metadata, wire::kEngineLimits);
  if (document) {
    const auto members = document->root().members();
    for (const auto& member : members) {
      if (member.key == kRelease) continue;
      out.key(member.key);
      out.raw(member.value.json().text());
    }
  }
  out.key(kRelease);
  out.begin_object();
  out.key("reason");
  if (reason) {
    out.value(*reason);
  } else {
    out.null();
  }
  out.field("released_at", wire_time(at));
  out.end_object();
  out.end_object();
  out.finish();
  return json;
}

Result<void> finish_release(Store& store, const Invocation& ended, Outcome& outcome) {
  const bool succeeded = ended.state == InvocationState::completed;
  if (ended.capability != kRelease || !succeeded) return {};
  const auto input = release_input(ended.input);
  if (!input) return {};
  auto agent = store.find_agent(ended.workspace, input->name);
  if (!agent) {
    if (refusal_of(agent.error()) == Refusal::agent_not_found) return {};
    return fail(std::move(agent).error());
  }
  auto at = store.node(agent->node);
  if (!at) return fail(std::move(at).error());
  // It has moved on meanwhile: another process of that name is nobody's business here.
  if (at->role == NodeRole::broker && at->id != ended.node) return {};
  auto unbound = store.unbind_agent(agent->id, ended.node);
  if (!unbound) return fail(std::move(unbound).error());
  AgentChange change;
  change.status = AgentStatus::offline;
  change.metadata = with_release(agent->metadata, input->reason, store.now());
  auto changed = store.change_agent(agent->id, change);
  if (!changed) return fail(std::move(changed).error());
  outcome.away.push_back(agent->id);
  if (agent->status != AgentStatus::offline) tell_status(*changed, outcome.happenings.front());
  if (!input->remove) return {};
  outcome.gone.push_back(agent->id);
  return store.remove_agent(agent->id);
}

}  // namespace relay::engine
