// Agents whose programs run in a person's own terminal.
#include <utility>

#include "base/ids.hpp"
#include "broker/spawner.hpp"
#include "broker/spawner_steps.hpp"

namespace relay::broker {

asio::awaitable<Result<void>> Spawner::receive_guest(Steps* steps) {
  const auto agent = steps->agent;
  auto guest = co_await GuestTerminal::connect(parts_.executor, agent->request().guest_control);
  if (!guest) co_return fail(std::move(guest).error());
  agent->started = parts_.clock.wall();
  agent->start(*std::move(guest), uuid_v4(parts_.random));
  auto kept = co_await parts_.records.put_agent(stored(*agent));
  if (kept && steps->reservation->released) kept = fail(released_before());
  if (!kept) co_return kept;
  list(steps);
  co_return Result<void>();
}

asio::awaitable<Result<std::shared_ptr<Agent>>> Spawner::adopt_guest(StoredAgent stored) {
  auto agent = agent_of(stored);
  if (!agent) co_return agent;
  const std::string control = (*agent)->request().guest_control;
  if (control.empty()) co_return fail(Code::not_found, "its program has ended");
  auto guest = co_await GuestTerminal::connect(parts_.executor, control);
  if (!guest) co_return fail(std::move(guest).error());
  (*agent)->start(*std::move(guest), stored.generation);
  parts_.roster.add(*agent);
  co_return agent;
}

}  // namespace relay::broker
