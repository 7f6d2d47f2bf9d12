#include "support/session_world.hpp"

#include <fmt/format.h>
#include <stdexcept>
#include <utility>
#include <variant>

#include "pty/injection/profile_file.hpp"

namespace relay::test {
namespace {

constexpr Duration kEventWait = std::chrono::hours(1);

}  // namespace

std::string held_output(const pty::Session& session) {
  std::string all;
  const auto& ring = session.output();
  for (auto piece = ring.read(ring.begin()); !piece.bytes.empty();
       piece = ring.read(piece.next())) {
    all += piece.bytes;
  }
  return all;
}

pty::Profile plain_profile() {
  const auto all = pty::builtin_profiles();
  return pty::profile_for(all, "no-such-program");
}

SessionWorld::SessionWorld()
    : watch_((keeper.open(), keeper.io().get_executor())),
      silent_watch_(keeper.io().get_executor()),
      tasks_(keeper.io().get_executor()) {
  tasks_.spawn(watch_.run());
  tasks_.spawn(hand_out_events());
}

SessionWorld::~SessionWorld() {
  try {
    leave();
  } catch (const std::exception& error) {
    fmt::print(stderr, "the sessions of a test have not ended: {}\n", error.what());
  }
}

asio::awaitable<void> SessionWorld::hand_out_events() {
  for (;;) {
    const auto event = co_await keeper.client().next_event(kEventWait);
    if (!event && event.error().code == Code::timeout) continue;
    if (!event) co_return;
    if (const auto* gone = std::get_if<pty::SessionGone>(&*event)) gone_.insert(gone->generation);
    const auto* exited = std::get_if<pty::SessionExited>(&*event);
    if (exited == nullptr) continue;
    for (const auto& agent : agents_) {
      if (agent->generation == exited->generation && agent->process != nullptr) {
        agent->process->report(exited->status);
      }
    }
  }
}

asio::awaitable<void> SessionWorld::run_session(Agent* agent) {
  auto how = co_await agent->session->run();
  agent->ended.emplace(std::move(how));
}

Agent& SessionWorld::start(pty::SpawnOrder order, const pty::Profile& profile) {
  const os::WindowSize size{static_cast<unsigned short>(order.columns),
                            static_cast<unsigned short>(order.rows)};
  auto spawned = keeper.spawn(std::move(order));
  auto agent = std::make_unique<Agent>();
  agent->generation = spawned.generation;
  const auto executor = keeper.io().get_executor();
  auto process = std::make_unique<pty::KeptProcess>(executor, spawned.pid);
  agent->process = process.get();
  pty::SessionSettings settings(profile, size);
  settings.on_step = [ends = &agent->endings](const pty::InjectionStep& step) {
    if (step.act == pty::InjectionAct::ended) ends->push_back(step);
  };
  auto session = pty::Session::make(executor, std::move(spawned.master), std::move(process),
                                    std::move(settings), reads_are_told ? watch_ : silent_watch_,
                                    *session_clock);
  if (!session) throw std::runtime_error(session.error().message);
  agent->session = *std::move(session);
  agents_.push_back(std::move(agent));
  tasks_.spawn(run_session(agents_.back().get()));
  return *agents_.back();
}

Agent& SessionWorld::shell(const std::string& generation, const std::string& script) {
  return start(keeper.shell(generation, script), plain_profile());
}

void SessionWorld::until(const std::function<bool()>& holds, const std::string& what,
                         Duration at_most) {
  const Monotonic deadline = clock.now() + at_most;
  keeper.io().restart();
  while (!holds()) {
    if (keeper.io().run_one_until(deadline) == 0 && clock.now() >= deadline) {
      throw std::runtime_error("it did not come to this: " + what);
    }
  }
}

void SessionWorld::until_shown(const Agent& agent, std::string_view text) {
  const auto shown = [&] { return held_output(*agent.session).find(text) != std::string::npos; };
  until(shown, fmt::format("{} shows '{}'", agent.generation, text));
}

void SessionWorld::end(Agent& agent, Duration grace) {
  auto work = keeper.client().kill_tree(agent.generation, grace, kPatience);
  if (auto killed = keeper.run(std::move(work)); !killed) {
    throw std::runtime_error(killed.error().message);
  }
  until([&] { return agent.ended && gone_.contains(agent.generation); }, "the agent has ended");
}

void SessionWorld::leave() {
  tasks_.cancel();
  keeper.run(tasks_.join());
}

}  // namespace relay::test
