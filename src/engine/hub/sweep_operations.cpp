#include "engine/hub/sweep_operations.hpp"

#include <algorithm>

#include "engine/dispatch.hpp"
#include "engine/events.hpp"
#include "engine/placement.hpp"

namespace relay::engine {
namespace {

Happenings& of_workspace(Outcome& outcome, Id workspace) {
  auto& all = outcome.happenings;
  const auto found = std::find_if(all.begin(), all.end(), [workspace](const Happenings& each) {
    return each.workspace == workspace;
  });
  if (found != all.end()) return *found;
  all.emplace_back().workspace = workspace;
  return all.back();
}

Result<void> lose_silent_nodes(Store& store, Outcome& outcome) {
  auto silent = store.silent_nodes(store.now() - kNodeSilence);
  if (!silent) return fail(std::move(silent).error());
  for (const auto& node : *silent) {
    auto lost = lose_node(store, node.id);
    if (!lost) return fail(std::move(lost).error());
    auto& happenings = of_workspace(outcome, node.workspace);
    tell_statuses(lost->agents, happenings);
    tell_moved(lost->invocations, happenings);
    // If its connection is there all the same, it still gets their messages.
  }
  return {};
}

Result<void> run_due_invocations(Store& store, Outcome& outcome) {
  auto due = start_due(store, kSweepBatch);
  if (!due) return fail(std::move(due).error());
  for (const auto& each : *due) tell_moved({each}, of_workspace(outcome, each.workspace));
  outcome.again = due->size() >= kSweepBatch;
  return {};
}

Result<void> expire_deliveries(Store& store, Outcome& outcome) {
  auto overdue = store.overdue_mailboxes(kSweepBatch);
  if (!overdue) return fail(std::move(overdue).error());
  for (const Id id : *overdue) {
    auto agent = store.agent(id);
    if (!agent) return fail(std::move(agent).error());
    auto expired = store.expire_mailbox(id);
    if (!expired) return fail(std::move(expired).error());
    tell_expired(store, *expired, of_workspace(outcome, agent->workspace));
  }
  outcome.again = overdue->size() >= kSweepBatch;
  return {};
}

Result<void> find_absent_agents(Store& store, Outcome& outcome) {
  auto stale = store.take_stale_agents(store.now() - kAgentSilence);
  if (!stale) return fail(std::move(stale).error());
  for (const auto& agent : *stale) tell_status(agent, of_workspace(outcome, agent.workspace));
  return {};
}

/// The most that any of them has removed.
Result<std::uint32_t> remove_batch(Store& store) {
  std::uint32_t most = 0;
  for (const auto& removed :
       {store.prune_deliveries(store.now() - kSettledKept, kRetentionBatch),
        store.prune_invocations(store.now() - kSettledKept, kRetentionBatch),
        store.prune_keys(kRetentionBatch), store.prune_messages(kRetentionBatch),
        store.prune_events(store.now() - kEventsKept, kRetentionBatch),
        store.prune_files(store.now() - IntegrationStore::kUploadTime, kRetentionBatch)}) {
    if (!removed) return fail(removed.error());
    most = std::max(most, *removed);
  }
  return most;
}

Result<void> remove_old(Store& store, Outcome& outcome) {
  for (int batch = 0; batch < kRetentionBatches; ++batch) {
    auto most = remove_batch(store);
    if (!most) return fail(std::move(most).error());
    outcome.again = *most >= kRetentionBatch;
    if (!outcome.again) break;
  }
  return {};
}

Result<void> run(Store& store, Sweep what, Outcome& outcome) {
  switch (what) {
    case Sweep::nodes: return lose_silent_nodes(store, outcome);
    case Sweep::invocations: return run_due_invocations(store, outcome);
    case Sweep::deliveries: return expire_deliveries(store, outcome);
    case Sweep::presence: return find_absent_agents(store, outcome);
    case Sweep::retention: return remove_old(store, outcome);
  }
  return {};
}

}  // namespace

Result<Outcome> sweep(Store& store, Sweep what) {
  Outcome outcome;
  outcome.at = store.now();
  auto swept = run(store, what, outcome);
  if (!swept) return fail(std::move(swept).error());
  return outcome;
}

}  // namespace relay::engine
