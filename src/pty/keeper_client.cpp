#include "pty/keeper_client.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <set>

#include "base/printable.hpp"
#include "net/channel.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "pty/keeper/home.hpp"
#include "pty/keeper_link.hpp"
#include "pty/keeper_start.hpp"

namespace relay::pty {
namespace {

/// Between two looks at a place whose last keeper has just died.
constexpr Duration kTryAgain = std::chrono::milliseconds(20);
/// How long a full queue of events may keep us from reading before the broker counts as stuck.
constexpr Duration kEventsWithin = std::chrono::minutes(10);

/// A find ends within its time and notifies; this only looks again.
constexpr Duration kLookAgain = std::chrono::seconds(1);
/// How long `close` waits for the keeper to read what was said before.
constexpr Duration kLastWords = std::chrono::seconds(1);

os::ExitStatus status_of(const keeper::Ended& how) {
  return how.by_signal ? os::ExitStatus::signalled(how.value) : os::ExitStatus::exited(how.value);
}

std::uint64_t milliseconds(Duration length) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
  return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
}

Duration until(Monotonic deadline) {
  return deadline - SystemClock().now();
}

Error timed_out(std::string_view what) {
  return {Code::timeout, fmt::format("{}: the keeper has not answered in time", what)};
}

/// Welcome, and what the keeper holds.
struct Greeting {
  std::unique_ptr<KeeperLink> link;
  pid_t pid = 0;
  std::vector<HeldSession> held;
};

}  // namespace

struct KeeperClient::Impl {
  explicit Impl(asio::any_io_executor executor)
      : events(executor, kMostEvents), changed(executor), tasks(executor) {}

  using Answer = std::variant<SpawnedSession, Error, std::vector<keeper::SessionFacts>>;

  asio::awaitable<void> find(KeeperPlace place, Duration at_most);
  void use(Greeting greeting);
  /// Takes in what the keeper says until the connection ends.
  asio::awaitable<void> read();
  /// Waits for the keeper that is being started; the error when there will be none.
  asio::awaitable<Result<void>> met(Monotonic deadline);
  asio::awaitable<Result<void>> take_in(KeeperLink::Received received);
  void answer(std::uint32_t request, Answer what);
  void spawned(const keeper::Spawned& report, os::Fd master);
  asio::awaitable<Result<Answer>> ask(std::uint32_t request, keeper::Request message,
                                      Duration at_most);

  /// Null until the keeper has said welcome.
  std::unique_ptr<KeeperLink> link;
  pid_t keeper_pid = 0;
  std::vector<HeldSession> held;
  /// Nobody was there: what is held is nothing.
  bool starting = false;
  net::Channel<KeeperEvent> events;
  /// An answer has come, a tree is gone, or the connection is lost.
  net::Event changed;
  std::optional<Error> lost;
  std::uint32_t last_request = 0;
  /// Requests that somebody waits for.
  std::set<std::uint32_t> asked;
  std::map<std::uint32_t, Answer> answers;
  /// The generations of spawns under way, answered or not.
  std::map<std::uint32_t, std::string> orders;
  /// Trees that somebody waits for, and whether they are gone.
  std::map<std::string, bool> awaited_trees;
  net::TaskGroup tasks;
};

asio::awaitable<Result<void>> KeeperClient::Impl::met(Monotonic deadline) {
  while (!link && !lost) {
    const Duration left = std::min(until(deadline), kLookAgain);
    if (left <= Duration::zero()) co_return fail(timed_out("its start"));
    (void)co_await changed.wait(left);
  }
  if (lost) co_return fail(*lost);
  co_return Result<void>();
}

asio::awaitable<void> KeeperClient::Impl::read() {
  while (!lost) {
    auto received = co_await link->receive();
    if (!received) {
      lost = std::move(received).error();
      break;
    }
    auto message = *std::move(received);
    auto taken = co_await take_in(std::move(message));
    if (!taken) lost = std::move(taken).error();
  }
  changed.notify();
  KeeperEvent last = KeeperLost{*lost};
  (void)co_await events.send(std::move(last), kEventsWithin);
  events.close();
}

asio::awaitable<Result<void>> KeeperClient::Impl::take_in(KeeperLink::Received received) {
  std::optional<KeeperEvent> event;
  const keeper::Report& report = received.report;
  if (const auto* child = std::get_if<keeper::Spawned>(&report)) {
    spawned(*child, std::move(received.master));
  } else if (const auto* refused = std::get_if<keeper::Refused>(&report)) {
    const auto code = code_named(refused->code).value_or(Code::spawn_failed);
    orders.erase(refused->request);
    answer(refused->request, Error(code, refused->message, refused->hint));
  } else if (const auto* listing = std::get_if<keeper::Listing>(&report)) {
    answer(listing->request, listing->sessions);
  } else if (const auto* exited = std::get_if<keeper::Exited>(&report)) {
    event = SessionExited{exited->generation, status_of(exited->how)};
  } else if (const auto* gone = std::get_if<keeper::Gone>(&report)) {
    if (const auto tree = awaited_trees.find(gone->generation); tree != awaited_trees.end()) {
      tree->second = true;
      changed.notify();
    }
    event = SessionGone{gone->generation};
  } else if (const auto* warning = std::get_if<keeper::Warning>(&report)) {
    event = KeeperWarning{warning->message, warning->hint};
  } else if (std::holds_alternative<keeper::Replaced>(report)) {
    co_return fail(Code::already_running, "another broker has taken over the agents");
  } else if (std::holds_alternative<keeper::Bye>(report)) {
    co_return fail(Code::connection_closed, "the keeper has ended");
  } else if (const auto* problem = std::get_if<keeper::Problem>(&report)) {
    co_return fail(Code::protocol_error, "the keeper says: " + printable(problem->message));
  }
  if (event) co_return co_await events.send(std::move(*event), kEventsWithin);
  co_return Result<void>();
}

void KeeperClient::Impl::answer(std::uint32_t request, Answer what) {
  if (asked.count(request) == 0) return;
  answers.insert_or_assign(request, std::move(what));
  changed.notify();
}

void KeeperClient::Impl::spawned(const keeper::Spawned& report, os::Fd master) {
  const auto order = orders.find(report.request);
  if (order == orders.end()) return;
  std::string generation = std::move(order->second);
  orders.erase(order);
  if (asked.count(report.request) == 0) {
    // Its caller has gone away meanwhile.
    (void)link->send(keeper::Kill{generation, 0});
    (void)link->send(keeper::Forget{generation});
    return;
  }
  answer(report.request, SpawnedSession(std::move(generation), report.pid, std::move(master)));
}

asio::awaitable<Result<KeeperClient::Impl::Answer>> KeeperClient::Impl::ask(std::uint32_t request,
                                                                            keeper::Request message,
                                                                            Duration at_most) {
  /// However this ends, nobody waits for the answer any more.
  struct Asked {
    Asked(Impl& impl_in, std::uint32_t request_in) : impl(impl_in), request(request_in) {
      impl.asked.insert(request);
    }
    ~Asked() {
      impl.asked.erase(request);
      if (!sent) impl.orders.erase(request);
      // A child that was started for a caller who has just been cancelled.
      if (const auto found = impl.answers.find(request); found != impl.answers.end()) {
        if (const auto* child = std::get_if<SpawnedSession>(&found->second)) {
          (void)impl.link->send(keeper::Kill{child->generation, 0});
          (void)impl.link->send(keeper::Forget{child->generation});
        }
        impl.answers.erase(found);
      }
    }
    Impl& impl;
    std::uint32_t request;
    bool sent = false;
  };
  Asked waiting(*this, request);
  const Monotonic deadline = SystemClock().now() + at_most;
  auto here = co_await met(deadline);
  if (!here) co_return fail(std::move(here).error());
  if (auto sent = link->send(message); !sent) co_return fail(std::move(sent).error());
  waiting.sent = true;
  for (;;) {
    if (auto found = answers.extract(request)) co_return std::move(found.mapped());
    if (lost) co_return fail(*lost);
    const Duration left = until(deadline);
    if (left <= Duration::zero()) co_return fail(timed_out("spawn"));
    (void)co_await changed.wait(left);
  }
}

namespace {

asio::awaitable<Result<Greeting>> greet(KeeperPlace place) {
  auto link = co_await KeeperLink::connect(place.socket.string());
  if (!link) co_return fail(std::move(link).error());
  Greeting greeting;
  greeting.link = *std::move(link);
  keeper::Hello hello;
  hello.orphan_grace_ms = milliseconds(place.orphan_grace);
  if (auto sent = greeting.link->send(hello); !sent) co_return fail(std::move(sent).error());
  if (auto sent = greeting.link->flush(); !sent) co_return fail(std::move(sent).error());
  auto first = co_await greeting.link->receive();
  if (!first) co_return fail(std::move(first).error());
  if (const auto* problem = std::get_if<keeper::Problem>(&first->report)) {
    co_return fail(Code::protocol_error, "the keeper says: " + printable(problem->message),
                   "end the agents of the older relay-broker first");
  }
  const auto* welcome = std::get_if<keeper::Welcome>(&first->report);
  if (welcome == nullptr) co_return fail(Code::protocol_error, "the keeper did not say welcome");
  greeting.pid = welcome->pid;
  const std::uint32_t sessions = welcome->sessions;
  for (std::uint32_t i = 0; i < sessions; ++i) {
    auto next = co_await greeting.link->receive();
    if (!next) co_return fail(std::move(next).error());
    auto* held = std::get_if<keeper::Held>(&next->report);
    if (held == nullptr) co_return fail(Code::protocol_error, "the keeper forgot a session");
    greeting.held.emplace_back(std::move(held->facts), std::move(next->master));
  }
  co_return greeting;
}

/// Whether a keeper or its guardian lives there, also one that nobody can talk to at the moment.
bool has_keeper(const KeeperPlace& place) {
  const keeper::Place where{place.directory, place.socket};
  return keeper::was_used(where) && !keeper::take_lock(where);
}

/// `starting` is called when nobody is there.
asio::awaitable<Result<Greeting>> find_or_start(KeeperPlace place, Monotonic deadline,
                                                std::function<void()> starting) {
  for (;;) {
    auto greeting = co_await greet(place);
    if (greeting) co_return std::move(greeting);
    // One that dies while we say hello is one that is not there.
    const Code code = greeting.error().code;
    if (code != Code::broker_not_running && code != Code::connection_closed &&
        code != Code::io_error) {
      co_return std::move(greeting);
    }
    const bool nobody = code == Code::broker_not_running && !has_keeper(place);
    if (nobody && starting) starting();
    auto started = co_await start_keeper(place, until(deadline));
    if (!started && started.error().code != Code::already_running) {
      co_return fail(std::move(started).error());
    }
    if (!started) co_await net::pause(kTryAgain);
  }
}

asio::awaitable<Result<Greeting>> meet(KeeperPlace place, Duration at_most,
                                       std::function<void()> starting) {
  const Monotonic deadline = SystemClock().now() + at_most;
  auto work = find_or_start(std::move(place), deadline, std::move(starting));
  return net::with_timeout(std::move(work), at_most, "finding the keeper");
}

}  // namespace

void KeeperClient::Impl::use(Greeting greeting) {
  link = std::move(greeting.link);
  keeper_pid = greeting.pid;
  held = std::move(greeting.held);
  tasks.spawn(link->write_all());
  tasks.spawn(read());
}

asio::awaitable<void> KeeperClient::Impl::find(KeeperPlace place, Duration at_most) {
  auto finding = meet(std::move(place), at_most, [this] {
    starting = true;
    changed.notify();
  });
  auto greeting = co_await std::move(finding);
  if (greeting && starting && !greeting->held.empty()) {
    greeting = fail(Code::conflict, "a keeper with agents came up while one was started",
                    "nobody else may start a broker of this directory meanwhile");
  }
  if (greeting) {
    use(*std::move(greeting));
  } else {
    lost = std::move(greeting).error();
    tasks.spawn(read());
  }
  changed.notify();
}

KeeperClient::KeeperClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeeperClient::~KeeperClient() = default;

asio::awaitable<Result<std::unique_ptr<KeeperClient>>> KeeperClient::open(
    asio::any_io_executor executor, KeeperPlace place, Duration at_most) {
  auto greeting = co_await meet(std::move(place), at_most, {});
  if (!greeting) co_return fail(std::move(greeting).error());
  auto impl = std::make_unique<Impl>(executor);
  impl->use(*std::move(greeting));
  co_return std::unique_ptr<KeeperClient>(new KeeperClient(std::move(impl)));
}

std::unique_ptr<KeeperClient> KeeperClient::begin(asio::any_io_executor executor, KeeperPlace place,
                                                  Duration at_most) {
  auto impl = std::make_unique<Impl>(std::move(executor));
  impl->tasks.spawn(impl->find(std::move(place), at_most));
  return std::unique_ptr<KeeperClient>(new KeeperClient(std::move(impl)));
}

asio::awaitable<Result<void>> KeeperClient::looked() {
  while (!impl_->link && !impl_->lost && !impl_->starting) {
    (void)co_await impl_->changed.wait(kLookAgain);
  }
  if (impl_->lost) co_return fail(*impl_->lost);
  co_return Result<void>();
}

asio::awaitable<Result<void>> KeeperClient::opened() {
  return impl_->met(Monotonic::max());
}

pid_t KeeperClient::keeper_pid() const {
  return impl_->keeper_pid;
}

std::vector<HeldSession> KeeperClient::take_held() {
  return std::exchange(impl_->held, {});
}

asio::awaitable<Result<SpawnedSession>> KeeperClient::spawn(SpawnOrder order, Duration at_most) {
  keeper::Spawn message;
  message.request = ++impl_->last_request;
  message.generation = order.generation;
  message.agent = order.agent;
  if (!order.argv.empty()) {
    message.program = order.program.empty() ? order.argv.front() : order.program;
  }
  message.argv = std::move(order.argv);
  message.environment = order.environment.entries();
  message.cwd = order.cwd.string();
  message.columns = order.columns;
  message.rows = order.rows;
  const std::uint32_t request = message.request;
  impl_->orders.emplace(request, order.generation);
  auto work = impl_->ask(request, std::move(message), at_most);
  auto answer = co_await std::move(work);
  if (!answer) co_return fail(std::move(answer).error());
  if (auto* session = std::get_if<SpawnedSession>(&*answer)) co_return std::move(*session);
  if (auto* error = std::get_if<Error>(&*answer)) co_return fail(std::move(*error));
  co_return fail(Code::protocol_error, "the keeper gave another answer");
}

asio::awaitable<Result<std::vector<keeper::SessionFacts>>> KeeperClient::list(Duration at_most) {
  keeper::List message;
  message.request = ++impl_->last_request;
  auto work = impl_->ask(message.request, message, at_most);
  auto answer = co_await std::move(work);
  if (!answer) co_return fail(std::move(answer).error());
  auto* sessions = std::get_if<std::vector<keeper::SessionFacts>>(&*answer);
  if (sessions == nullptr) co_return fail(Code::protocol_error, "the keeper gave another answer");
  co_return std::move(*sessions);
}

asio::awaitable<Result<void>> KeeperClient::kill_tree(std::string generation, Duration grace,
                                                      Duration at_most) {
  const Monotonic deadline = SystemClock().now() + grace + at_most;
  auto here = co_await impl_->met(deadline);
  if (!here) co_return here;
  impl_->awaited_trees[generation] = false;
  keeper::Kill message;
  message.generation = generation;
  message.grace_ms = milliseconds(grace);
  if (auto sent = impl_->link->send(message); !sent) co_return fail(std::move(sent).error());
  for (;;) {
    const auto tree = impl_->awaited_trees.find(generation);
    // Another who waited for the same tree has seen it and taken the note away.
    if (tree == impl_->awaited_trees.end()) co_return Result<void>();
    if (tree->second) break;
    if (impl_->lost) co_return fail(*impl_->lost);
    const Duration left = until(deadline);
    if (left <= Duration::zero()) co_return fail(timed_out("ending " + printable(generation)));
    (void)co_await impl_->changed.wait(left);
  }
  impl_->awaited_trees.erase(generation);
  co_return Result<void>();
}

asio::awaitable<Result<KeeperEvent>> KeeperClient::next_event(Duration at_most) {
  return impl_->events.receive(at_most);
}

void KeeperClient::note_size(const std::string& generation, unsigned columns, unsigned rows) {
  if (impl_->link) (void)impl_->link->send(keeper::Resize{generation, columns, rows});
}

void KeeperClient::forget(const std::string& generation) {
  if (impl_->link) (void)impl_->link->send(keeper::Forget{generation});
}

asio::awaitable<Result<void>> KeeperClient::shut_down_keeper(Duration grace, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + grace + at_most;
  auto here = co_await impl_->met(deadline);
  if (!here) co_return here;
  keeper::Shutdown message;
  message.grace_ms = milliseconds(grace);
  if (auto sent = impl_->link->send(message); !sent) co_return fail(std::move(sent).error());
  while (!impl_->lost) {
    const Duration left = until(deadline);
    if (left <= Duration::zero()) co_return fail(timed_out("ending the keeper"));
    (void)co_await impl_->changed.wait(left);
  }
  co_return Result<void>();
}

asio::awaitable<void> KeeperClient::close() {
  co_await net::shielded();
  if (impl_->link && !impl_->lost) co_await impl_->link->drain(kLastWords);
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
}

}  // namespace relay::pty
