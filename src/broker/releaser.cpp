#include "broker/releaser.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace relay::broker {
namespace {

/// Another release of the same agent, or its spawn, ends within this.
constexpr Duration kOtherWithin = std::chrono::seconds(60);
/// An engine that does not read its socket.
constexpr Duration kEngineWithin = std::chrono::seconds(5);
constexpr Duration kGuestEndsWithin = std::chrono::seconds(5);
constexpr Duration kEngineAgain = std::chrono::milliseconds(100);

}  // namespace

os::Path Releaser::agent_directory(const BrokerSettings& settings, const std::string& name) {
  return settings.runtime_dir / "agents" / name;
}

void Releaser::remove_files(const std::string& name) {
  const os::Path directory = agent_directory(parts_.settings, name);
  const auto files = parts_.files.list(directory);
  if (!files) return;
  for (const std::string& file : *files) (void)parts_.files.remove(directory / file);
  // It stays where somebody else has put something into it.
  std::error_code ignored;
  std::filesystem::remove(directory, ignored);
}

asio::awaitable<Result<ReleasedAgent>> Releaser::release(ReleaseRequest request) {
  ReleasedAgent out;
  out.name = request.name;
  if (const auto spawning = parts_.roster.reservation(request.name)) {
    spawning->released = true;
    out.known = true;
    const bool ended = co_await spawning->ended.wait(kOtherWithin);
    if (!ended) co_return fail(Code::timeout, "its spawn does not end");
  }
  const auto agent = parts_.roster.find(request.name);
  if (!agent) {
    // At once: an agent that comes while the disk is waited for has files of its own.
    remove_files(request.name);
    (void)co_await parts_.records.remove_agent(request.name);
    if (request.delete_identity) {
      auto deleted = co_await delete_identity(request.name, false);
      if (!deleted) co_return fail(std::move(deleted).error());
    }
    co_return out;
  }
  if (agent->leaving) {
    const Monotonic deadline = parts_.clock.now() + kOtherWithin;
    while (parts_.roster.find(request.name) == agent && agent->leaving) {
      const Duration left = deadline - parts_.clock.now();
      if (left <= Duration::zero()) co_return fail(Code::timeout, "its release does not end");
      (void)co_await gone_.wait(left);
    }
    // The other one could not end it: this one tries.
    if (parts_.roster.find(request.name) == agent)
      co_return co_await end(agent, std::move(request));
    out.known = true;
    if (request.delete_identity) {
      auto deleted = co_await delete_identity(request.name, true);
      if (!deleted) co_return fail(std::move(deleted).error());
    }
    co_return out;
  }
  co_return co_await end(agent, std::move(request));
}

asio::awaitable<Result<ReleasedAgent>> Releaser::end(std::shared_ptr<Agent> agent,
                                                     ReleaseRequest request) {
  // Whoever asked may go away: an agent is not left half ended.
  co_await net::shielded();
  ReleasedAgent out;
  out.name = agent->name();
  out.known = true;
  out.had_exited = agent->exit().has_value();
  agent->leaving = true;
  const Duration grace = request.grace.value_or(parts_.settings.release_grace);
  if (agent->guest() != nullptr) {
    auto ended = co_await end_guest(agent, grace, request.reason);
    if (!ended) {
      agent->leaving = false;
      gone_.notify();
      co_return fail(std::move(ended).error());
    }
  } else if (!agent->generation().empty()) {
    auto ended = co_await programs_.end(agent->generation(), grace);
    if (!ended) {
      agent->leaving = false;
      gone_.notify();
      Error error = std::move(ended).error();
      co_return fail(std::move(error).within("its processes could not be ended"));
    }
  }
  co_await agent->stop();
  out.dropped = postman_.bury(*agent, "agent_released");
  auto told = co_await tell_engine(agent);
  if (!told) {
    agent->leaving = false;
    gone_.notify();
    co_return fail(std::move(told).error());
  }
  (void)co_await parts_.records.remove_agent(agent->name());
  remove_files(agent->name());
  (void)parts_.roster.remove(agent->name());
  parts_.engine->agents_changed();
  parts_.events.add("agent_released", [&](JsonWriter& event) {
    event.field("name", agent->name());
    if (!request.reason.empty()) event.field("reason", request.reason);
  });
  gone_.notify();
  if (request.delete_identity) {
    auto deleted = co_await delete_identity(agent->name(), true);
    if (!deleted) co_return fail(std::move(deleted).error());
  }
  co_return out;
}

/// The program of a person's own terminal is ended by who started it.
asio::awaitable<Result<void>> Releaser::end_guest(std::shared_ptr<Agent> agent, Duration grace,
                                                  std::string reason) {
  agent->guest()->end(grace, reason.empty() ? "it was released" : "it was released: " + reason);
  const bool ended = co_await agent->wait_exit(grace + kGuestEndsWithin);
  if (ended) co_return Result<void>();
  co_return fail(Code::timeout, "the program in the terminal of " + agent->name() + " does not end",
                 "end it there");
}

asio::awaitable<Result<void>> Releaser::delete_identity(std::string name, bool ours) {
  auto deleted = co_await parts_.engine->delete_identity(name, ours);
  if (deleted) co_return deleted;
  Error error = std::move(deleted).error();
  error.message = name + " is released, but its identity was not deleted: " + error.message;
  if (error.hint.empty()) error.hint = "relay-broker release --delete " + name + " tries again";
  co_return fail(std::move(error));
}

asio::awaitable<Result<void>> Releaser::tell_engine(std::shared_ptr<Agent> agent) {
  if (agent->agent_id.empty()) co_return Result<void>();
  const Monotonic deadline = parts_.clock.now() + kEngineWithin;
  for (;;) {
    auto told = parts_.engine->deregister(agent->agent_id, agent->name());
    // Without a connection the next inventory says it.
    if (told || told.error().code != Code::queue_full) co_return Result<void>();
    if (parts_.clock.now() >= deadline) {
      Error busy = std::move(told).error();
      busy.message = "fleet_control_backpressure: " + busy.message;
      busy.hint = "its processes have ended; release it again to free its name";
      co_return fail(std::move(busy));
    }
    co_await net::pause(kEngineAgain);
  }
}

}  // namespace relay::broker
