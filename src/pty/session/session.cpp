#include "pty/session/session.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include "net/task_group.hpp"
#include "pty/injection/human_line.hpp"
#include "pty/screen/query_responder.hpp"
#include "pty/session/lazy_screen.hpp"
#include "pty/session/screen_reader.hpp"
#include "pty/session/session_writer.hpp"
#include "pty/session/terminal_reports.hpp"

namespace relay::pty {
namespace {

/// Waits that are ended by what they wait for.
constexpr Duration kSessionLook = std::chrono::hours(1);
/// Output taken in one go before others have their turn: a fifth of a millisecond, which a message
/// that comes meanwhile waits.
constexpr std::size_t kTurn = std::size_t{16} << 10;
/// More than the kernel keeps of a terminal's output: what an ended program left is within it, what
/// its children go on printing is not waited for.
constexpr std::size_t kMostLeft = std::size_t{256} << 10;
/// Keys of a person that wait until a message is typed.
constexpr std::size_t kMostKeys = std::size_t{64} << 10;
/// A program that throws its input away (tcflush) tells nobody.
constexpr Duration kLookAgain = std::chrono::seconds(1);
/// The same where the system does not tell of reads either.
constexpr Duration kLookOften = std::chrono::milliseconds(5);
/// A deadline that has passed and is still there is not looked at more often than this.
constexpr Duration kLeastWait = std::chrono::milliseconds(1);

}  // namespace

struct Session::Impl {
  Impl(asio::any_io_executor executor_in, PtyMaster master_in,
       std::unique_ptr<SessionProcess> process_in, SessionSettings settings, InputWatch& watch_in,
       const Clock& clock_in)
      : clock(clock_in),
        watch(watch_in),
        master(std::move(master_in)),
        process(std::move(process_in)),
        on_step(std::move(settings.on_step)),
        on_change(std::move(settings.on_change)),
        turns(settings.turns),
        size(settings.size),
        ring_capacity(settings.ring),
        ring(settings.ring),
        screen(ring, settings.size),
        keep_screen(settings.profile.reader == Reader::box),
        injection(std::move(settings.profile), settings.injection),
        writer(executor_in, master),
        viewers(executor_in, ring),
        resumed(executor_in),
        keys_released(executor_in),
        deadline_changed(executor_in),
        tasks(executor_in) {
    responder.set_real_terminal(settings.real_terminal);
    facts_at = [this](std::size_t consumed) {
      // Who asks once asks again, and the ring forgets.
      keep_screen = true;
      return screen.facts_at(piece, consumed);
    };
  }
  ~Impl() { stop_watching(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  asio::awaitable<void> read_output();
  asio::awaitable<void> keep_time();
  asio::awaitable<void> drain_output();
  std::size_t take_output(std::size_t most);
  void take(std::string_view bytes);

  void perform(InjectionSteps steps);
  void write(std::string bytes);
  void look();
  void read_modes();
  void settle();
  void release_keys();
  void watch_input();
  void stop_watching();
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;
  void on_time();

  const Clock& clock;
  InputWatch& watch;
  PtyMaster master;
  std::unique_ptr<SessionProcess> process;
  std::function<void(const InjectionStep&)> on_step;
  std::function<void()> on_change;
  OutputTurns* turns;
  OutputTurns::Place turn;
  os::WindowSize size;
  SizeLease lease;

  std::size_t ring_capacity;
  OutputRing ring;
  LazyScreen screen;
  /// Not only a message looks at it: a person or the program itself does.
  bool keep_screen;
  QueryResponder responder;
  QueryResponder::FactsAt facts_at;
  /// What is being taken, for facts_at.
  std::string_view piece;
  OutputSink* sink = nullptr;
  bool paused = false;

  HumanLine human_line;
  Injection injection;
  std::deque<InjectionStep> steps;
  bool performing = false;
  /// The screen that the injection has seen last.
  std::optional<std::uint64_t> seen;
  TerminalReports reports;
  std::string kept_keys;
  int input_watch = -1;
  std::optional<Monotonic> look_again;

  SessionWriter writer;
  SessionViewers viewers;
  net::Event resumed;
  net::Event keys_released;
  net::Event deadline_changed;
  std::optional<Monotonic> armed;
  bool ended = false;
  net::TaskGroup tasks;
};

// Output

void Session::Impl::take(std::string_view bytes) {
  if (sink != nullptr && !sink->take(bytes)) paused = true;
  piece = bytes;
  std::string answers = responder.feed(bytes, facts_at);
  screen.before(bytes, ring_capacity);
  ring.append(bytes);
  piece = {};
  // A program that asks and does not read the answers gets no more of them.
  if (!answers.empty()) (void)writer.push(std::move(answers));
}

std::size_t Session::Impl::take_output(std::size_t most) {
  std::array<char, 8192> buffer;
  std::size_t taken = 0;
  while (taken < most && !paused) {
    const std::size_t got = master.read(buffer);
    if (got == 0) break;
    take(std::string_view(buffer.data(), got));
    taken += got;
  }
  if (taken == 0) return 0;
  viewers.grown();
  injection.bracketed_paste(responder.bracketed_paste());
  // The program reads before it answers: in this order the injection hears of both.
  settle();
  if (injection.wants_screen()) {
    look();
  } else if (!injection.reads_screen()) {
    // What it draws from now on is an answer to what it is typed; this is none.
    seen = ring.end();
  }
  settle();
  return taken;
}

asio::awaitable<void> Session::Impl::read_output() {
  for (;;) {
    if (paused) {
      (void)co_await resumed.wait(kSessionLook);
      continue;
    }
    const auto error = co_await master.wait_readable();
    if (error) co_return;
    const Monotonic begin = clock.now();
    const std::size_t taken = take_output(kTurn);
    if (turns == nullptr) continue;
    const Duration rest = turns->end_of_turn(turn, clock.now() - begin, taken);
    if (rest > Duration::zero()) (void)co_await resumed.wait(rest);
  }
}

asio::awaitable<void> Session::Impl::drain_output() {
  for (std::size_t left = kMostLeft; left > 0;) {
    if (paused) {
      (void)co_await resumed.wait(kSessionLook);
      continue;
    }
    const std::size_t taken = take_output(std::min(kTurn, left));
    if (taken == 0 && !paused) break;
    left -= std::min(taken, left);
  }
}

// Input

void Session::Impl::write(std::string bytes) {
  auto pushed = writer.push(std::move(bytes), [this](Result<void> done) {
    const Monotonic now = clock.now();
    perform(done ? injection.written(now) : injection.write_failed(now, "terminal_gone"));
  });
  if (!pushed) perform(injection.write_failed(clock.now(), name_of(pushed.error().code)));
}

void Session::Impl::perform(InjectionSteps more) {
  for (auto& step : more) steps.push_back(std::move(step));
  // Writing may end at once and bring more steps: they come behind those that wait.
  if (performing) return;
  performing = true;
  while (!steps.empty()) {
    InjectionStep step = std::move(steps.front());
    steps.pop_front();
    if (step.act == InjectionAct::write) {
      write(std::move(step.bytes));
    } else if (on_step) {
      on_step(step);
    }
  }
  performing = false;
}

void Session::Impl::read_modes() {
  injection.bracketed_paste(responder.bracketed_paste());
  perform(injection.terminal(clock.now(), master.mode()));
}

/// Shows the injection the screen as it is now.
void Session::Impl::look() {
  if (seen == ring.end()) return;
  seen = ring.end();
  ScreenText text = text_of(screen.now().shown());
  // The ring may have forgotten where that began.
  text.bracketed_paste = responder.bracketed_paste();
  perform(injection.screen(clock.now(), text));
}

void Session::Impl::release_keys() {
  if (kept_keys.empty() || !injection.keys_may_pass(clock.now()) || !writer.has_room()) return;
  (void)writer.push(std::exchange(kept_keys, {}));
  keys_released.notify();
}

void Session::Impl::watch_input() {
  if (!injection.wants_drained()) return stop_watching();
  if (input_watch < 0) input_watch = watch.begin(master.other_end(), [this] { settle(); });
  look_again = clock.now() + (input_watch < 0 ? kLookOften : kLookAgain);
}

void Session::Impl::stop_watching() {
  if (input_watch >= 0) watch.end(std::exchange(input_watch, -1));
  look_again.reset();
}

/// After everything that may have changed what the injection waits for.
void Session::Impl::settle() {
  if (performing) return;
  watch_input();
  // The watch is there first: a read between the look and the watch would never be told.
  while (injection.wants_drained() && !master.unread()) {
    read_modes();
    if (!injection.wants_drained()) break;
    perform(injection.drained(clock.now()));
    if (injection.wants_screen()) look();
    watch_input();
  }
  if (injection.wants_look()) {
    seen.reset();
    look();
  }
  release_keys();
  if (!keep_screen && screen.made() && !injection.wants_screen()) screen.drop();
  const auto next = next_deadline();
  if (next && (!armed || *next < *armed)) deadline_changed.notify();
  if (on_change) on_change();
}

// Time

std::optional<Monotonic> Session::Impl::next_deadline() const {
  auto next = injection.next_deadline();
  if (look_again && (!next || *look_again < *next)) next = look_again;
  return next;
}

void Session::Impl::on_time() {
  look_again.reset();
  if (injection.wants_screen()) look();
  perform(injection.on_time(clock.now()));
  settle();
}

asio::awaitable<void> Session::Impl::keep_time() {
  std::optional<Monotonic> last;
  for (;;) {
    armed = next_deadline();
    Duration wait = armed ? *armed - clock.now() : kSessionLook;
    if (armed && armed == last) wait = std::max(wait, kLeastWait);
    if (wait > Duration::zero()) (void)co_await deadline_changed.wait(wait);
    last = armed;
    if (armed && clock.now() >= *armed) on_time();
  }
}

// The session

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::make(asio::any_io_executor executor, os::Fd master,
                                               std::unique_ptr<SessionProcess> process,
                                               SessionSettings settings, InputWatch& watch,
                                               const Clock& clock) {
  auto taken = PtyMaster::take(executor, std::move(master));
  if (!taken) return fail(std::move(taken).error());
  auto impl = std::make_unique<Impl>(executor, *std::move(taken), std::move(process),
                                     std::move(settings), watch, clock);
  // A program with a box is read from its first byte: what it switches on once has to be seen.
  if (impl->keep_screen) (void)impl->screen.now();
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

asio::awaitable<Result<os::ExitStatus>> Session::run() {
  Impl& impl = *impl_;
  impl.tasks.spawn(impl.read_output());
  impl.tasks.spawn(impl.writer.run());
  impl.tasks.spawn(impl.keep_time());
  std::optional<Result<os::ExitStatus>> status;
  try {
    status.emplace(co_await impl.process->wait_end());
    impl.ended = true;
    co_await impl.drain_output();
  } catch (const std::system_error&) {
    // Our own cancellation, and nothing else: a task that broke is told by `join`.
  }
  co_await net::shielded();
  impl.tasks.cancel();
  co_await impl.tasks.join();
  impl.stop_watching();
  if (!status) {
    impl.viewers.leave();
    co_return fail(Code::cancelled, "the session was left");
  }
  impl.perform(impl.injection.exited(impl.clock.now()));
  impl.writer.close(Error(Code::connection_closed, "the program has ended"));
  impl.viewers.close();
  co_return *std::move(status);
}

Result<void> Session::type(std::string_view keys) {
  Impl& impl = *impl_;
  if (impl.ended) return fail(Code::connection_closed, "the program has ended");
  const bool human = impl.reports.has_key(keys);
  const Monotonic now = impl.clock.now();
  if (human) {
    impl.human_line.feed(keys);
    impl.perform(impl.injection.key(now, impl.human_line.open()));
  }
  const bool keep = human && (!impl.kept_keys.empty() || !impl.injection.keys_may_pass(now));
  if (!keep) {
    auto pushed = impl.writer.push(std::string(keys));
    impl.settle();
    return pushed;
  }
  if (impl.kept_keys.size() + keys.size() > kMostKeys) {
    return fail(Code::queue_full, "a message is being typed, and too many keys wait for it");
  }
  impl.kept_keys += keys;
  impl.settle();
  return {};
}

bool Session::owes_keys() const {
  return !impl_->kept_keys.empty() || impl_->writer.waiting_bytes() > 0;
}

void Session::let_keys_go() {
  if (impl_->kept_keys.empty()) return;
  (void)impl_->writer.push(std::exchange(impl_->kept_keys, {}));
  impl_->keys_released.notify();
}

asio::awaitable<bool> Session::wait_for_room(Duration at_most) {
  const Monotonic deadline = impl_->clock.now() + at_most;
  while (impl_->kept_keys.size() > kMostKeys / 2) {
    const Duration left = deadline - impl_->clock.now();
    if (left <= Duration::zero()) co_return false;
    (void)co_await impl_->keys_released.wait(left);
  }
  co_return co_await impl_->writer.wait_for_room(deadline - impl_->clock.now());
}

Result<void> Session::offer(InjectionItem item) {
  Impl& impl = *impl_;
  const Monotonic now = impl.clock.now();
  impl.read_modes();
  // The last look may be old: nobody looks while nothing waits.
  if (impl.injection.reads_screen()) impl.look();
  // What was there before the text is no answer to it.
  if (!impl.seen) impl.seen = impl.ring.end();
  auto steps = impl.injection.offer(now, std::move(item));
  if (!steps) return fail(std::move(steps).error());
  impl.perform(*std::move(steps));
  impl.settle();
  return {};
}

bool Session::withdraw(std::uint64_t item) {
  return impl_->injection.withdraw(item);
}

void Session::hook(std::uint64_t item) {
  impl_->perform(impl_->injection.hook(impl_->clock.now(), item));
  impl_->settle();
}

void Session::human_done() {
  impl_->perform(impl_->injection.human_done(impl_->clock.now()));
  impl_->settle();
}

void Session::hold(bool on) {
  impl_->perform(impl_->injection.hold(impl_->clock.now(), on));
  impl_->settle();
}

const Injection& Session::injection() const {
  return impl_->injection;
}

TerminalMode Session::mode() const {
  return impl_->master.mode();
}

void Session::take_printed() {
  (void)impl_->take_output(kMostLeft);
}

void Session::set_sink(OutputSink* sink) {
  impl_->sink = sink;
  resume_output();
}

void Session::resume_output() {
  if (!std::exchange(impl_->paused, false)) return;
  impl_->resumed.notify();
}

void Session::set_real_terminal(bool attached) {
  impl_->responder.set_real_terminal(attached);
}

const OutputRing& Session::output() const {
  return impl_->ring;
}

SessionViewers& Session::viewers() {
  return impl_->viewers;
}

ScreenView Session::screen() {
  impl_->keep_screen = true;
  return impl_->screen.now().view();
}

SizeAnswer Session::resize(const SizeRequest& request) {
  const SizeAnswer answer = impl_->lease.ask(impl_->clock.now(), request);
  if (!answer.apply) return answer;
  const os::WindowSize size{static_cast<unsigned short>(request.columns),
                            static_cast<unsigned short>(request.rows)};
  impl_->size = size;
  impl_->screen.resize(size);
  (void)impl_->master.resize(size);
  return answer;
}

os::WindowSize Session::size() const {
  return impl_->size;
}

PtyMaster& Session::terminal() {
  return impl_->master;
}

}  // namespace relay::pty
