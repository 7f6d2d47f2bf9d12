#include "fake_operations.hpp"

#include <algorithm>

#include "pty/screen/screen.hpp"

namespace relay::test {
namespace {

using namespace broker;

Error unknown(const std::string& name) {
  return {Code::agent_not_found, "no agent is called " + name};
}

}  // namespace

FakeOperations::FakeOperations(asio::any_io_executor executor)
    : log(executor), keys_go_on(executor), keys_came(executor), viewers_(executor, ring_) {}

AgentView& FakeOperations::add(const std::string& name) {
  AgentView agent;
  agent.name = name;
  agent.agent_id = "agt_" + name;
  agent.generation = "gen-" + name;
  agent.cli = "claude";
  agent.profile = "claude";
  agent.channels = {"general"};
  agent.pid = 4711;
  agent.state = AgentState::idle;
  agent.started = agent.last_activity = Wall(std::chrono::seconds(1767225600));
  list.push_back(agent);
  return list.back();
}

void FakeOperations::print(const std::string& bytes) {
  ring_.append(bytes);
  viewers_.grown();
}

void FakeOperations::end_program() {
  viewers_.close();
}

AgentView* FakeOperations::find(const std::string& name) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& each) { return each.name == name; });
  return found == list.end() ? nullptr : &*found;
}

asio::awaitable<Result<SpawnedAgent>> FakeOperations::spawn(SpawnRequest request) {
  spawned.push_back(request);
  if (failure) co_return fail(*failure);
  SpawnedAgent agent;
  agent.name = request.name;
  agent.agent_id = "agt_1";
  agent.generation = "gen-1";
  agent.model = request.model;
  agent.pid = 4711;
  agent.pre_registered = !request.agent_token.empty();
  co_return agent;
}

asio::awaitable<Result<ReleasedAgent>> FakeOperations::release(ReleaseRequest request) {
  released.push_back(request);
  if (failure) co_return fail(*failure);
  ReleasedAgent answer;
  answer.name = request.name;
  answer.known = find(request.name) != nullptr;
  co_return answer;
}

Result<AgentView> FakeOperations::agent(const std::string& name) {
  const auto* const found = find(name);
  if (!found) return fail(unknown(name));
  return *found;
}

asio::awaitable<Result<SentMessage>> FakeOperations::send(SendRequest request) {
  sent.push_back(request);
  if (failure) co_return fail(*failure);
  co_return send_answer;
}

asio::awaitable<Result<std::size_t>> FakeOperations::type(std::string name, std::string keys) {
  if (!find(name)) co_return fail(unknown(name));
  if (failure) co_return fail(*failure);
  typed.push_back(name + ": " + keys);
  keys_came.notify();
  if (hold_keys) co_await keys_go_on.wait(std::chrono::seconds(10));
  co_return keys.size();
}

Result<void> FakeOperations::human_done(const std::string& name) {
  if (!find(name)) return fail(unknown(name));
  ++humans_done;
  return {};
}

Result<pty::SizeAnswer> FakeOperations::resize(const std::string& name,
                                               const pty::SizeRequest& request) {
  if (!find(name)) return fail(unknown(name));
  sizes.push_back(request);
  return lease_.ask(Monotonic(std::chrono::seconds(1000)), request);
}

Result<pty::ScreenView> FakeOperations::screen(const std::string& name) {
  if (!find(name)) return fail(unknown(name));
  return pty::Screen::from(ring_, 24, 80).view();
}

asio::awaitable<Result<pty::ViewedOutput>> FakeOperations::output(std::string name,
                                                                  std::uint64_t cursor,
                                                                  Duration at_most) {
  if (!find(name)) co_return fail(unknown(name));
  co_return co_await viewers_.next(cursor, at_most);
}

asio::awaitable<Result<ModeChanged>> FakeOperations::set_mode(std::string name, ModeChange change) {
  auto* const found = find(name);
  if (!found) co_return fail(unknown(name));
  mode_changes.push_back(change);
  ModeChanged changed;
  changed.matched =
      (!change.expected_mode || *change.expected_mode == found->mode) &&
      (!change.expected_revision || *change.expected_revision == found->mode_revision);
  if (changed.matched) {
    changed.flushed = change.mode == DeliveryMode::auto_inject ? waiting.size() : 0;
    found->mode = change.mode;
    ++found->mode_revision;
  }
  changed.mode = found->mode;
  changed.revision = found->mode_revision;
  co_return changed;
}

asio::awaitable<Result<std::size_t>> FakeOperations::flush(std::string name) {
  if (!find(name)) co_return fail(unknown(name));
  const std::size_t count = waiting.size();
  waiting.clear();
  co_return count;
}

Result<std::vector<PendingMessage>> FakeOperations::pending(const std::string& name) {
  if (!name.empty() && !find(name)) return fail(unknown(name));
  return waiting;
}

asio::awaitable<Result<std::vector<DeadLetterView>>> FakeOperations::dead_letters(
    std::int64_t after, std::size_t most) {
  std::vector<DeadLetterView> page;
  for (const auto& letter : letters) {
    if (letter.id > after && page.size() < most) page.push_back(letter);
  }
  co_return page;
}

asio::awaitable<Result<void>> FakeOperations::redeliver(std::int64_t id) {
  const auto is_it = [id](const auto& letter) { return letter.id == id; };
  const auto found = std::find_if(letters.begin(), letters.end(), is_it);
  if (found == letters.end()) co_return fail(Code::not_found, "there is no such dead letter");
  if (!find(found->agent)) co_return fail(unknown(found->agent));
  letters.erase(found);
  redelivered.push_back(id);
  co_return Result<void>();
}

asio::awaitable<Result<void>> FakeOperations::drop_dead_letter(std::int64_t id) {
  const auto gone = std::erase_if(letters, [id](const auto& letter) { return letter.id == id; });
  if (gone == 0) co_return fail(Code::not_found, "there is no such dead letter");
  co_return Result<void>();
}

Result<std::vector<std::string>> FakeOperations::subscribe(
    const std::string& name, const std::vector<std::string>& channels) {
  auto* const found = find(name);
  if (!found) return fail(unknown(name));
  found->channels.insert(found->channels.end(), channels.begin(), channels.end());
  return found->channels;
}

Result<std::vector<std::string>> FakeOperations::unsubscribe(
    const std::string& name, const std::vector<std::string>& channels) {
  auto* const found = find(name);
  if (!found) return fail(unknown(name));
  for (const auto& channel : channels) std::erase(found->channels, channel);
  return found->channels;
}

asio::awaitable<Result<void>> FakeOperations::set_model(std::string name, std::string model,
                                                        Duration) {
  if (!find(name)) co_return fail(unknown(name));
  if (failure) co_return fail(*failure);
  models.push_back(name + ": " + model);
  co_return Result<void>();
}

Result<AcceptedResult> FakeOperations::hand_in(HandedIn result) {
  if (result.token.reveal() != "arr_w1" || (!result.name.empty() && result.name != "w1")) {
    return fail(Code::unauthorized, "no agent has this token");
  }
  handed_in.push_back(result);
  AcceptedResult accepted;
  accepted.name = "w1";
  accepted.result_id = "ar_1";
  return accepted;
}

}  // namespace relay::test
