#include "pty/keeper/keeper.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <utility>

#include "os/system_random.hpp"

namespace relay::pty::keeper {
namespace {

/// Connections that have not said hello yet.
constexpr std::size_t kMostCandidates = 8;
constexpr Duration kHelloWithin = std::chrono::seconds(5);
constexpr Duration kRestWithoutDescriptors = std::chrono::milliseconds(100);

LimitMark new_mark(const Place& place) {
  os::SystemRandom random;
  return {place.directory.string(), random};
}

Duration grace_of(std::uint64_t ms) {
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(kLongestGrace);
  return std::chrono::milliseconds(
      std::min<std::uint64_t>(ms, static_cast<std::uint64_t>(most.count())));
}

std::uint64_t unix_ms(Wall at) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

}  // namespace

Keeper::Keeper(Place place, os::Fd listener, Duration orphan_grace)
    : place_(std::move(place)),
      listener_(std::move(listener)),
      signals_{SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT},
      no_pipe_(SIGPIPE),
      mark_(new_mark(place_)),
      spawner_(place_name(place_.directory.string())),
      family_(::getpid()),
      orphan_grace_(orphan_grace),
      orphan_since_(clock_.now()) {}

void Keeper::warn(Warning warning, os::Fd until) {
  warning_ = std::move(warning);
  warn_until_ = std::move(until);
}

void Keeper::tell_warning() {
  if (!warn_until_) return;
  pollfd over{warn_until_.get(), POLLIN, 0};
  if (::poll(&over, 1, 0) > 0) {
    warn_until_.reset();
  } else {
    tell(warning_);
  }
}

void Keeper::tell(const Report& report, int master) {
  if (broker_) broker_->send(report, master);
}

void Keeper::accept_all() {
  for (;;) {
    os::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) accept_again_ = clock_.now() + kRestWithoutDescriptors;
      return;
    }
    if (!is_our_user(socket)) continue;
    if (candidates_.size() == kMostCandidates) candidates_.erase(candidates_.begin());
    candidates_.push_back(
        {std::make_unique<Connection>(std::move(socket)), clock_.now() + kHelloWithin});
  }
}

void Keeper::listen_to_candidates() {
  const Monotonic now = clock_.now();
  for (std::size_t i = 0; i < candidates_.size();) {
    auto& [connection, until] = candidates_[i];
    connection->flush();
    const auto request = connection->receive();
    if (const List* wanted = request ? std::get_if<List>(&*request) : nullptr) {
      connection->send(listing(wanted->request));
    } else if (request) {
      auto chosen = std::move(connection);
      candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(i));
      const Hello* hello = std::get_if<Hello>(&*request);
      if (hello != nullptr && hello->version == kProtocolVersion) {
        hand_over(std::move(chosen), *hello);
      } else {
        chosen->send(Problem{hello != nullptr ? "this keeper speaks version 1 only"
                                              : "the first message has to be a hello"});
      }
    } else if (connection->broken() || now >= until) {
      candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void Keeper::hand_over(std::unique_ptr<Connection> connection, const Hello& hello) {
  // What the old one has said before it went counts.
  listen_to_broker();
  tell(Replaced{});
  broker_ = std::move(connection);
  orphan_grace_ = std::chrono::milliseconds(
      std::min<std::uint64_t>(hello.orphan_grace_ms, 1000ULL * 60 * 60 * 24 * 365));
  Welcome welcome;
  welcome.pid = ::getpid();
  welcome.sessions = static_cast<std::uint32_t>(sessions_.all().size());
  tell(welcome);
  for (const auto& [number, session] : sessions_.all()) {
    tell(Held{session.facts}, session.master.get());
  }
  tell_warning();
}

void Keeper::listen_to_broker() {
  if (!broker_) return;
  broker_->flush();
  while (broker_) {
    const auto request = broker_->receive();
    if (!request) break;
    obey(*request);
  }
  if (broker_ && broker_->broken()) {
    broker_.reset();
    orphan_since_ = clock_.now();
  }
}

void Keeper::obey(const Request& request) {
  if (const auto* order = std::get_if<Spawn>(&request)) {
    start(*order);
  } else if (const auto* kill = std::get_if<Kill>(&request)) {
    Session* session = sessions_.named(kill->generation);
    if (session == nullptr || session->facts.gone) {
      tell(Gone{kill->generation});
    } else {
      end(*session, grace_of(kill->grace_ms));
    }
  } else if (const auto* resize = std::get_if<Resize>(&request)) {
    if (Session* session = sessions_.named(resize->generation)) {
      session->facts.columns = resize->columns;
      session->facts.rows = resize->rows;
    }
  } else if (const auto* forget = std::get_if<Forget>(&request)) {
    Session* session = sessions_.named(forget->generation);
    if (session == nullptr) return;
    session->recorded = true;
    if (session->facts.gone) sessions_.remove(forget->generation);
  } else if (const auto* wanted = std::get_if<List>(&request)) {
    tell(listing(wanted->request));
  } else if (const auto* shutdown = std::get_if<Shutdown>(&request)) {
    end_all(grace_of(shutdown->grace_ms));
  }
}

void Keeper::start(const Spawn& order) {
  const auto refuse = [&](const Error& error) {
    tell(Refused{order.request, std::string(name_of(error.code)), error.message, error.hint});
  };
  if (leaving_) return refuse(Error(Code::spawn_failed, "the keeper is ending"));
  if (sessions_.named(order.generation) != nullptr) {
    return refuse(Error(Code::conflict, "this generation is there already"));
  }
  if (sessions_.all().size() >= Sessions::kMost || last_number_ == kMostSessionsEver) {
    return refuse(Error(Code::queue_full, "the keeper has no room for another session"));
  }
  const SessionNumber number = ++last_number_;
  auto child = spawner_.spawn(order, mark_.limit_of(number));
  if (!child) return refuse(child.error());
  Session session;
  session.facts.generation = order.generation;
  session.facts.agent = order.agent;
  session.facts.pid = child->row.pid;
  session.facts.columns = order.columns;
  session.facts.rows = order.rows;
  session.facts.started_ms = unix_ms(clock_.wall());
  session.leader_started = child->row.started;
  session.master = std::move(child->master);
  const Session& added = sessions_.add(number, std::move(session));
  tell(Spawned{order.request, added.facts.pid, added.facts.started_ms}, added.master.get());
}

Listing Keeper::listing(std::uint32_t request) const {
  Listing out;
  out.request = request;
  for (const auto& [number, session] : sessions_.all()) out.sessions.push_back(session.facts);
  return out;
}

void Keeper::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
    Session* session = sessions_.led_by(info.si_pid);
    if (session == nullptr) continue;
    const Ended how{info.si_code != CLD_EXITED, info.si_status};
    session->facts.ended.push_back(how);
    tell(Exited{session->facts.generation, how});
    end(*session, kUsualGrace);
  }
}

void Keeper::end(Session& session, Duration grace) {
  if (session.ending) {
    session.ending->hurry(clock_.now(), grace);
  } else {
    session.ending.emplace(clock_.now(), grace);
  }
}

void Keeper::end_all(Duration grace) {
  leaving_ = true;
  for (auto& [number, session] : sessions_.all()) {
    if (!session.facts.gone) end(session, grace);
  }
}

bool Keeper::finished() const {
  return leaving_ && sessions_.all_gone();
}

}  // namespace relay::pty::keeper
