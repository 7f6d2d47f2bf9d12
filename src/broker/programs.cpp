#include "broker/programs.hpp"

#include <algorithm>
#include <variant>

namespace relay::broker {
namespace {

/// What a tree that was killed needs to be gone on a busy machine.
constexpr Duration kGoneWithin = std::chrono::seconds(30);
constexpr Duration kLookForEvents = std::chrono::hours(1);

os::ExitStatus status_of(const pty::keeper::Ended& ended) {
  return ended.by_signal ? os::ExitStatus::signalled(ended.value)
                         : os::ExitStatus::exited(ended.value);
}

}  // namespace

/// The session's share of a process that the keeper's events tell of.
class Programs::Leader final : public pty::SessionProcess {
 public:
  explicit Leader(std::shared_ptr<pty::KeptProcess> process) : process_(std::move(process)) {}
  [[nodiscard]] pid_t pid() const override { return process_->pid(); }
  asio::awaitable<Result<os::ExitStatus>> wait_end() override { return process_->wait_end(); }

 private:
  std::shared_ptr<pty::KeptProcess> process_;
};

std::unique_ptr<pty::SessionProcess> Programs::leader(const std::string& generation, pid_t pid) {
  auto process = std::make_shared<pty::KeptProcess>(executor_, pid);
  running_[generation] = process;
  const auto known = std::find_if(early_.begin(), early_.end(),
                                  [&](const auto& one) { return one.first == generation; });
  if (known != early_.end()) {
    ended(generation, known->second);
    early_.erase(known);
  }
  return std::make_unique<Leader>(std::move(process));
}

asio::awaitable<Result<Agent::Program>> Programs::start(pty::SpawnOrder order, Duration at_most) {
  const os::WindowSize size{static_cast<unsigned short>(order.columns),
                            static_cast<unsigned short>(order.rows)};
  auto spawned = co_await keeper_.spawn(std::move(order), at_most);
  if (!spawned) co_return fail(std::move(spawned).error());
  auto process = leader(spawned->generation, spawned->pid);
  co_return Agent::Program(std::move(spawned->master), std::move(process), spawned->generation,
                           size);
}

Agent::Program Programs::adopt(pty::HeldSession held) {
  const os::WindowSize size{static_cast<unsigned short>(held.facts.columns),
                            static_cast<unsigned short>(held.facts.rows)};
  auto process = leader(held.facts.generation, held.facts.pid);
  if (!held.facts.ended.empty()) {
    ended(held.facts.generation, status_of(held.facts.ended.front()));
  }
  return {std::move(held.master), std::move(process), held.facts.generation, size};
}

asio::awaitable<Result<void>> Programs::end(std::string generation, Duration grace) {
  auto gone = co_await keeper_.kill_tree(generation, grace, kGoneWithin);
  if (gone) keeper_.forget(generation);
  co_return gone;
}

void Programs::ended(const std::string& generation, const Result<os::ExitStatus>& how) {
  const auto found = running_.find(generation);
  if (found == running_.end()) {
    if (!how) return;
    if (early_.size() >= kMostEarly) early_.pop_front();
    early_.emplace_back(generation, *how);
    return;
  }
  if (const auto process = found->second.lock()) process->report(how);
  running_.erase(found);
}

asio::awaitable<Error> Programs::follow(std::function<void(std::string)> warn) {
  for (;;) {
    auto event = co_await keeper_.next_event(kLookForEvents);
    if (!event && event.error().code == Code::timeout) continue;
    if (!event) co_return std::move(event).error();
    if (const auto* exited = std::get_if<pty::SessionExited>(&*event)) {
      ended(exited->generation, exited->status);
    } else if (const auto* warning = std::get_if<pty::KeeperWarning>(&*event)) {
      warn(warning->message + (warning->hint.empty() ? "" : "; " + warning->hint));
    } else if (auto* lost = std::get_if<pty::KeeperLost>(&*event)) {
      // Without a keeper nobody learns how a program ends.
      for (const auto& [generation, process] : std::exchange(running_, {})) {
        if (const auto here = process.lock()) here->report(fail(lost->why));
      }
      co_return std::move(lost->why);
    }
  }
}

}  // namespace relay::broker
