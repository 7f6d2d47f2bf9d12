#include "cli/wrap_control.hpp"

#include "cli/wrap_request.hpp"
#include <array>
#include <deque>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <unistd.h>
#include <utility>

#include "broker/guest_lines.hpp"
#include "net/channel.hpp"
#include "net/listener.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "os/posix_files.hpp"
#include "pty/injection/envelope.hpp"

namespace relay::cli {
namespace {

constexpr Duration kControlLook = std::chrono::hours(1);
/// That a program goes on printing is told no more often than this.
constexpr Duration kPrintsAgain = std::chrono::seconds(1);

struct Connection {
  Connection(const asio::any_io_executor& executor, net::StreamPtr stream_in)
      : stream(std::move(stream_in)), answers(executor, WrapControl::kMostMessages) {}

  /// Who lets so many answers wait is not there any more.
  void send(std::string line) {
    if (!answers.try_send(line)) stream->close();
  }
  /// Nobody is left who could get an answer, or nothing to answer.
  void close_if_done() {
    if (asked_all && unanswered == 0) answers.close();
  }

  net::StreamPtr stream;
  net::Channel<std::string> answers;
  std::size_t unanswered = 0;
  bool asked_all = false;
  bool watches = false;
};

/// A message that has not ended, and who asked for it.
struct Pending {
  std::string id;
  std::weak_ptr<Connection> from;
  bool once = false;
};

struct Ended {
  std::string id;
  pty::InjectionOutcome outcome;
};

}  // namespace

struct WrapControl::Impl {
  Impl(asio::any_io_executor executor_in, os::Path socket_in, net::Listener listener_in,
       bool typed_in, Random& random_in)
      : executor(executor_in),
        socket(std::move(socket_in)),
        typed(typed_in),
        listener(std::move(listener_in)),
        random(random_in),
        tasks(std::move(executor_in)) {}

  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  asio::awaitable<void> answer(std::shared_ptr<Connection> connection);
  void watch(const std::shared_ptr<Connection>& connection);
  void begin_absence();
  void obey(const std::shared_ptr<Connection>& connection, std::string_view line);
  void take(const std::shared_ptr<Connection>& connection, const WrapMessage& message);
  [[nodiscard]] bool asked_before(const std::shared_ptr<Connection>& connection,
                                  const std::string& id);
  Result<void> offer(const WrapMessage& message, std::uint64_t number);
  [[nodiscard]] broker::GuestState state();
  void tell_state();
  void tell(broker::GuestState now);
  asio::awaitable<void> tell_later();

  asio::any_io_executor executor;
  os::Path socket;
  bool typed;
  net::Listener listener;
  Random& random;
  pty::Session* session = nullptr;
  std::uint64_t last = 0;
  std::map<std::uint64_t, Pending> pending;
  std::deque<Ended> ended;
  /// Files of messages that were too long to be typed.
  std::vector<os::Path> bodies;
  std::vector<std::weak_ptr<Connection>> watchers;
  std::optional<broker::GuestState> told;
  Monotonic told_at{};
  bool telling = false;
  SystemClock clock;
  pid_t program = 0;
  std::string terminal;
  /// A message was typed that the program had not read in time.
  bool unread = false;
  std::size_t watching = 0;
  Absence absence;
  std::function<void(Duration, std::string)> on_end;
  std::size_t connections = 0;
  net::TaskGroup tasks;
};

WrapControl::WrapControl(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WrapControl::~WrapControl() = default;

Result<std::unique_ptr<WrapControl>> WrapControl::open(asio::any_io_executor executor,
                                                       os::Path socket, bool typed,
                                                       Random& random) {
  os::PosixFiles files(random);
  auto made = files.make_private_directory(socket.parent_path());
  if (!made) return fail(std::move(made).error());
  auto listener = net::Listener::unix(executor, socket.string());
  if (!listener) return fail(std::move(listener).error());
  return std::unique_ptr<WrapControl>(new WrapControl(std::make_unique<Impl>(
      std::move(executor), std::move(socket), *std::move(listener), typed, random)));
}

asio::awaitable<void> WrapControl::serve(pty::Session* session) {
  impl_->session = session;
  try {
    for (;;) {
      auto stream = co_await impl_->listener.accept();
      if (!stream) break;
      const bool ours = (*stream)->peer_uid() == ::geteuid();
      if (!ours || impl_->connections >= kMostConnections) continue;
      auto connection = std::make_shared<Connection>(impl_->executor, *std::move(stream));
      impl_->tasks.spawn(impl_->serve(connection));
      impl_->tasks.spawn(impl_->answer(std::move(connection)));
    }
  } catch (const std::system_error&) {
    // Our own cancellation.
  }
  co_await net::shielded();
  // The program that was to read them has ended.
  os::PosixFiles files(impl_->random);
  for (const os::Path& body : impl_->bodies) (void)files.remove(body);
  impl_->listener.close();
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
}

asio::awaitable<void> WrapControl::Impl::serve(std::shared_ptr<Connection> connection) {
  ++connections;
  std::string text;
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const auto got = co_await connection->stream->read_some(buffer);
    if (!got.ok()) break;
    std::size_t looked_at = text.size();
    text.append(buffer.data(), got.bytes);
    std::size_t from = 0;
    for (auto end = text.find('\n', looked_at); end != std::string::npos;
         end = text.find('\n', looked_at)) {
      obey(connection, std::string_view(text).substr(from, end - from));
      from = looked_at = end + 1;
    }
    text.erase(0, from);
    if (text.size() > kMostRequestLine) break;
  }
  --connections;
  if (connection->watches && --watching == 0) begin_absence();
  // What was asked is still answered.
  connection->asked_all = true;
  connection->close_if_done();
}

asio::awaitable<void> WrapControl::Impl::answer(std::shared_ptr<Connection> connection) {
  for (;;) {
    auto line = co_await connection->answers.receive(kControlLook);
    if (!line && line.error().code == Code::timeout) continue;
    if (!line) co_return;
    const auto sent = co_await connection->stream->write(*line);
    if (!sent.ok()) co_return;
  }
}

void WrapControl::Impl::obey(const std::shared_ptr<Connection>& connection, std::string_view line) {
  const WrapRequest request = read_request(line);
  if (const auto* message = std::get_if<WrapMessage>(&request)) return take(connection, *message);
  if (const auto* end = std::get_if<WrapEnd>(&request)) {
    if (on_end) on_end(end->grace, end->why);
  } else if (const auto* hook = std::get_if<WrapHook>(&request)) {
    for (const auto& [number, waiting] : pending) {
      if (waiting.id != hook->id) continue;
      // It may end by that, and is not in the list any more then.
      session->hook(number);
      break;
    }
  } else {
    watch(connection);
  }
}

void WrapControl::Impl::begin_absence() {
  absence.away = true;
  absence.since = clock.wall();
  ++absence.times;
}

void WrapControl::Impl::watch(const std::shared_ptr<Connection>& connection) {
  if (!std::exchange(connection->watches, true)) {
    // A broker watches once: of the one before only the end has not been read yet.
    if (watching > 0) begin_absence();
    for (const auto& watcher : watchers) {
      if (const auto before = watcher.lock()) before->watches = false;
    }
    watchers.clear();
    watching = 0;
    ++watching;
    watchers.push_back(connection);
  }
  if (std::exchange(absence.away, false)) absence.until = clock.wall();
  connection->send(broker::guest_state_line(state()));
}

bool WrapControl::Impl::asked_before(const std::shared_ptr<Connection>& connection,
                                     const std::string& id) {
  for (auto& [number, waiting] : pending) {
    if (!waiting.once || waiting.id != id) continue;
    // Whoever asked before is gone, or it is the same one.
    const auto before = waiting.from.lock();
    waiting.from = connection;
    ++connection->unanswered;
    if (before) {
      --before->unanswered;
      before->close_if_done();
    }
    return true;
  }
  for (const Ended& one : ended) {
    if (one.id != id) continue;
    connection->send(outcome_line(id, one.outcome));
    return true;
  }
  return false;
}

broker::GuestState WrapControl::Impl::state() {
  broker::GuestState out;
  out.readiness = session->injection().readiness();
  out.blocked_by = session->injection().blocked_by();
  out.pid = program;
  out.printed = session->output().end();
  out.terminal = terminal;
  unread = unread && session->terminal().unread();
  out.unread = unread;
  return out;
}

void WrapControl::Impl::tell_state() {
  if (session == nullptr || watchers.empty()) return;
  broker::GuestState now = state();
  if (told == now) return;
  broker::GuestState but_printed = now;
  if (told) but_printed.printed = told->printed;
  const bool only_printed = told == but_printed;
  if (!only_printed || clock.now() - told_at >= kPrintsAgain) return tell(std::move(now));
  if (!std::exchange(telling, true)) tasks.spawn(tell_later());
}

asio::awaitable<void> WrapControl::Impl::tell_later() {
  co_await net::pause(kPrintsAgain);
  telling = false;
  tell_state();
}

void WrapControl::Impl::tell(broker::GuestState now) {
  const std::string line = broker::guest_state_line(now);
  told = std::move(now);
  told_at = clock.now();
  std::erase_if(watchers, [](const auto& watcher) { return watcher.expired(); });
  for (const auto& watcher : watchers) {
    if (const auto connection = watcher.lock()) connection->send(line);
  }
}

void WrapControl::Impl::take(const std::shared_ptr<Connection>& connection,
                             const WrapMessage& request) {
  const auto refuse = [&](const Error& error) {
    connection->send(refusal_line(request.id, error));
  };
  if (!request.letter) return refuse(request.letter.error());
  if (!typed) {
    return refuse(Error(Code::invalid_argument,
                        "the program reads a pipe or a file, so nothing can be typed into it",
                        "start wrap with a terminal as its standard input"));
  }
  if (request.once && asked_before(connection, request.id)) return;
  if (pending.size() >= kMostMessages) {
    return refuse(Error(Code::queue_full, "too many messages wait"));
  }
  const std::uint64_t number = ++last;
  // Before it is offered: its end may come at once.
  pending[number] = Pending{request.id, connection, request.once};
  ++connection->unanswered;
  if (auto offered = offer(request, number); !offered) {
    pending.erase(number);
    --connection->unanswered;
    refuse(offered.error());
  }
}

Result<void> WrapControl::Impl::offer(const WrapMessage& message, std::uint64_t number) {
  const pty::Profile& profile = session->injection().profile();
  pty::EnvelopeRules rules;
  rules.style = profile.envelope;
  rules.inline_bytes = profile.limits.inline_bytes;
  if (profile.reader == pty::Reader::plain && session->mode().canonical) {
    rules.line_bytes = pty::InjectionSettings().canonical_line;
  }
  const os::Path file =
      socket.parent_path() / fmt::format("{}.{}.txt", socket.filename().string(), number);
  auto envelope = pty::make_envelope(*message.letter, rules, random.next(), file.string());
  if (!envelope) return fail(std::move(envelope).error());
  if (envelope->file) {
    auto written = os::PosixFiles(random).replace(file, *envelope->file);
    if (!written) return written;
    bodies.push_back(file);
  }
  pty::InjectionItem item;
  item.id = number;
  item.text = std::move(envelope->text);
  item.priority = message.urgent ? 1 : 0;
  return session->offer(std::move(item));
}

void WrapControl::on_step(const pty::InjectionStep& step) {
  if (step.act != pty::InjectionAct::ended) return;
  const auto message = impl_->pending.extract(step.item);
  if (!message) return;
  // What was not typed may be asked for again.
  if (message.mapped().once && step.outcome.end != pty::InjectionEnd::dead) {
    impl_->ended.push_back(Ended{message.mapped().id, step.outcome});
    if (impl_->ended.size() > kMostRemembered) impl_->ended.pop_front();
  }
  if (step.outcome.reason == pty::kNotRead) {
    // Before the message's end: what is typed and not read is told by both.
    impl_->unread = true;
    impl_->tell_state();
  }
  const auto connection = message.mapped().from.lock();
  if (!connection) return;
  connection->send(outcome_line(message.mapped().id, step.outcome));
  --connection->unanswered;
  connection->close_if_done();
}

void WrapControl::on_change() {
  impl_->tell_state();
}

void WrapControl::set_on_end(std::function<void(Duration, std::string)> on_end) {
  impl_->on_end = std::move(on_end);
}

void WrapControl::describe(pid_t program, std::string terminal) {
  impl_->program = program;
  impl_->terminal = std::move(terminal);
}

const Absence& WrapControl::absence() const {
  return impl_->absence;
}

}  // namespace relay::cli
