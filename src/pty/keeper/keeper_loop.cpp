// What the keeper does when: its one wait, and the walks over the process table.
#include <algorithm>
#include <csignal>
#include <poll.h>
#include <unordered_map>

#include "pty/keeper/keeper.hpp"
#include "pty/keeper/process_table.hpp"

namespace relay::pty::keeper {
namespace {

/// A keeper that holds nothing waits this long for a broker and no longer.
constexpr Duration kIdleWithoutBroker = std::chrono::seconds(30);
/// How long the last words may take.
constexpr int kGoodbyeMs = 1000;

/// A shell that is between its prompt and its wait for a line notices a SIGHUP only at the next
/// one.
constexpr Duration kHangUpEvery = std::chrono::milliseconds(500);

/// In a walk that kills: how many of the newest it hunts first, and how long before and after it
/// has read the table. The broker waits meanwhile.
constexpr pid_t kNewestInWalk = 16;
constexpr Duration kHuntInWalk = std::chrono::milliseconds(5);

/// Asks one process to end. Who is stopped hears of it only when it goes on.
void ask(const ProcessRow& row) {
  signal_process(row, SIGTERM);
  if (row.stopped) signal_process(row, SIGCONT);
}

}  // namespace

Monotonic Keeper::orphan_deadline() const {
  if (broker_ || leaving_) return Monotonic::max();
  return orphan_since_ +
         (sessions_.holds_any() ? orphan_grace_ : std::min(orphan_grace_, kIdleWithoutBroker));
}

Monotonic Keeper::next_deadline() {
  Monotonic next = orphan_deadline();
  for (const auto& candidate : candidates_) next = std::min(next, candidate.until);
  for (const auto& [number, session] : sessions_.all()) {
    if (session.ending) next = std::min(next, session.ending->next());
  }
  if (accept_again_ > clock_.now()) next = std::min(next, accept_again_);
  return next;
}

void Keeper::wait() {
  std::vector<pollfd> waiting;
  waiting.push_back({signals_.fd(), POLLIN, 0});
  if (accept_again_ <= clock_.now()) waiting.push_back({listener_.get(), POLLIN, 0});
  for (const auto& candidate : candidates_) {
    const short write = candidate.connection->wants_to_write() ? POLLOUT : 0;
    waiting.push_back({candidate.connection->fd(), static_cast<short>(POLLIN | write), 0});
  }
  if (broker_) {
    const short write = broker_->wants_to_write() ? POLLOUT : 0;
    waiting.push_back({broker_->fd(), static_cast<short>(POLLIN | write), 0});
  }
  const Monotonic next = next_deadline();
  int ms = -1;
  if (next != Monotonic::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock_.now()).count();
    constexpr decltype(left) kHour = 3'600'000;
    ms = static_cast<int>(std::clamp<decltype(left)>(left, 0, kHour));
  }
  // Interrupted or not, everything is looked at again.
  ::poll(waiting.data(), waiting.size(), ms);
}

void Keeper::run() {
  while (!finished()) {
    wait();
    while (const auto signal = signals_.next()) {
      if (*signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT) end_all(kUsualGrace);
    }
    reap();
    accept_all();
    listen_to_candidates();
    listen_to_broker();
    if (clock_.now() >= orphan_deadline()) end_all(kUsualGrace);
    walk();
  }
  say_goodbye();
}

void Keeper::walk() {
  const Monotonic now = clock_.now();
  std::set<SessionNumber> due;
  std::set<SessionNumber> killing;
  for (const auto& [number, session] : sessions_.all()) {
    if (!session.ending || session.ending->next() > now) continue;
    due.insert(number);
    if (session.ending->kills_at(now)) killing.insert(number);
  }
  if (due.empty()) return;

  // A process that forks and ends again and again lives shorter than a walk takes: it is killed at
  // the moment when its mark is met.
  std::unordered_map<pid_t, SessionNumber> marked;
  const pid_t self = ::getpid();
  const auto strike = [&](pid_t pid) {
    if (pid == self) return Sight::nobody;
    const auto limit = read_limit(pid);
    const auto number = limit ? mark_.session_of(*limit) : std::nullopt;
    if (!number) return Sight::nobody;
    marked.insert_or_assign(pid, *number);
    const bool alive = killing.count(*number) != 0 &&
                       kill_with_group(pid, [&] { return read_limit(pid) == limit; });
    return alive ? Sight::alive : Sight::dead;
  };
  const auto hunt_from = [&](pid_t born_before) {
    const Monotonic until = clock_.now() + kHuntInWalk;
    hunt(
        born_before, [&] { return counter_.last(); }, strike,
        [&] { return clock_.now() >= until; });
  };
  const auto born_before = killing.empty() ? std::nullopt : counter_.last();
  if (born_before) hunt_from(*born_before - kNewestInWalk);
  const auto rows = read_processes(strike);
  if (born_before) hunt_from(*born_before);
  const auto members = family_.walk(
      rows, sessions_.roots(),
      [&](pid_t pid) -> std::optional<SessionNumber> {
        const auto found = marked.find(pid);
        if (found == marked.end()) return std::nullopt;
        return found->second;
      },
      [&](pid_t pid) -> std::optional<SessionNumber> {
        const auto generation = read_variable(pid, kSessionVariable);
        return generation ? sessions_.number_of(*generation) : std::nullopt;
      });
  for (const ProcessRow& row : members.strays) kill_with_group(row);
  for (const SessionNumber number : due) act_on(number, members, now);
}

void Keeper::act_on(SessionNumber number, const Family::Members& members, Monotonic now) {
  Session* session = sessions_.numbered(number);
  const auto found = members.of.find(number);
  const std::vector<ProcessRow> none;
  const auto& own = found == members.of.end() ? none : found->second;
  const auto dead = members.dead_of.find(number);
  const std::size_t signs_of_life = own.size() + members.strays.size() + members.dead_strays +
                                    (dead == members.dead_of.end() ? 0 : dead->second);
  switch (session->ending->walked(now, signs_of_life)) {
    case Ending::Act::ask:
      for (const ProcessRow& row : own) {
        if (row.pid == session->facts.pid) hang_up(*session, row, now);
        if (asked_.emplace(row.pid, row.started).second) ask(row);
      }
      break;
    case Ending::Act::kill:
      for (const ProcessRow& row : own) kill_with_group(row);
      break;
    case Ending::Act::gone:
      // A leader that has just died is collected before the tree is called empty.
      if (session->facts.ended.empty()) break;
      session->ending.reset();
      session->facts.gone = true;
      const std::string generation = session->facts.generation;
      tell(Gone{generation});
      if (session->recorded) sessions_.remove(generation);
      if (!sessions_.any_ending()) asked_.clear();
      break;
  }
}

void Keeper::hang_up(Session& session, const ProcessRow& leader, Monotonic now) {
  if (leader.started != session.leader_started || now < session.hang_up_again) return;
  // Others have their say at SIGTERM and would lose it to a SIGHUP.
  if (!ignores_signal(leader.pid, SIGTERM)) return;
  signal_process(leader, SIGHUP);
  session.hang_up_again = now + kHangUpEvery;
}

void Keeper::say_goodbye() {
  ::unlink(place_.socket.c_str());
  tell(Bye{});
  const Monotonic until = clock_.now() + std::chrono::milliseconds(kGoodbyeMs);
  while (broker_ && broker_->wants_to_write() && !broker_->broken() && clock_.now() < until) {
    pollfd waiting{broker_->fd(), POLLOUT, 0};
    ::poll(&waiting, 1, kGoodbyeMs);
    broker_->flush();
  }
}

}  // namespace relay::pty::keeper
