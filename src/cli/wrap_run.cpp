#include "cli/wrap_run.hpp"

#include "cli/output.hpp"
#include "cli/real_terminal.hpp"
#include "cli/wrap_control.hpp"
#include "cli/wrap_join.hpp"
#include "cli/wrap_words.hpp"
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "base/clock.hpp"
#include "base/printable.hpp"
#include "net/task_group.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "os/terminal.hpp"
#include "pty/injection/profile_file.hpp"
#include "pty/session/direct_child.hpp"
#include "pty/session/input_watch.hpp"
#include "pty/session/session.hpp"
#include "pty/session/user_profiles.hpp"

namespace relay::cli {
namespace {

/// Between a polite end and SIGKILL.
constexpr Duration kGrace = std::chrono::seconds(2);
/// For the last output to reach a terminal that is stopped.
constexpr Duration kFlushWithin = std::chrono::seconds(10);
/// A wait that is ended by what it waits for.
constexpr Duration kKeysLook = std::chrono::hours(1);
constexpr os::WindowSize kUsualSize{80, 24};

/// Where the real terminal is, by the descriptors that we were given.
struct Places {
  Places()
      : in(os::is_terminal(STDIN_FILENO)),
        out(os::is_terminal(STDOUT_FILENO)),
        err(os::is_terminal(STDERR_FILENO)) {
    keys = in ? STDIN_FILENO : -1;
    screen = out ? STDOUT_FILENO : err ? STDERR_FILENO : keys;
  }
  bool in;
  bool out;
  bool err;
  int keys;
  int screen;
};

os::Command command_of(const WrapOptions& options, const os::Environment& environment,
                       const pty::Profile& profile, const Places& places) {
  os::Command command(options.argv, environment);
  for (const auto& [name, value] : profile.environment) {
    if (!environment.get(name)) command.environment.set(name, value);
  }
  if (!options.name.empty()) command.environment.set("RELAY_AGENT_NAME", options.name);
  // Of an agent that we run in, not of the one that we start.
  command.environment.unset("CLAUDECODE");
  const auto term = environment.get("TERM");
  if (places.screen < 0 && (!term || *term == "dumb")) {
    command.environment.set("TERM", "xterm-256color");
  }
  command.input = places.in ? -1 : STDIN_FILENO;
  command.output = places.out ? -1 : STDOUT_FILENO;
  command.error = places.err ? -1 : STDERR_FILENO;
  return command;
}

Result<std::vector<pty::Profile>> all_profiles(Random& random) {
  const auto surroundings = os::Surroundings::of_process();
  if (!surroundings) return fail(surroundings.error());
  const auto paths = os::user_paths(*surroundings);
  // Without a home there are none of the user's.
  if (!paths) return pty::builtin_profiles();
  os::PosixFiles files(random);
  return pty::load_profiles(files, paths->config / "profiles");
}

/// The profile that was asked for, or the one that fits the program.
Result<pty::Profile> choose_profile(const WrapOptions& options, Random& random) {
  const auto profiles = all_profiles(random);
  if (!profiles) return fail(profiles.error());
  if (!options.profile.empty()) return pty::profile_called(*profiles, options.profile);
  return pty::profile_for(*profiles, options.argv.front());
}

/// One run of `wrap`; destroyed after its coroutine has returned.
class Wrapped {
 public:
  Wrapped(asio::any_io_executor executor, WrapOptions options, os::Environment environment)
      : executor_(executor),
        options_(std::move(options)),
        environment_(std::move(environment)),
        signals_(executor),
        watch_(executor),
        tasks_(executor) {}

  asio::awaitable<Result<int>> run() {
    auto ready = open_control();
    if (ready) ready = co_await join();
    if (ready) greet();
    if (ready) ready = prepare();
    if (!ready) {
      // The program may run already.
      if (child_) co_await child_->end_tree(Duration::zero());
      co_return fail(std::move(ready).error());
    }
    tasks_.spawn(watch_.run());
    tasks_.spawn(heed_signals());
    tasks_.spawn(terminal_->write_screen([this] { session_->resume_output(); }));
    tasks_.spawn(pass_keys());
    if (control_) tasks_.spawn(control_->serve(session_.get()));
    auto status = co_await session_->run();
    if (ended_by_ != SIGHUP) {
      terminal_->put_right();
      co_await terminal_->flush(kFlushWithin);
    }
    // The person gets the terminal back before stubborn processes have been ended.
    raw_.reset();
    if (ended_by_ != SIGHUP) take_leave();
    co_await child_->end_tree(kGrace);
    tasks_.cancel();
    co_await tasks_.join();
    if (ended_by_ != 0) co_return 128 + ended_by_;
    if (!status) co_return fail(std::move(status).error());
    co_return status->as_shell();
  }

 private:
  Result<void> open_control() {
    if (options_.control.empty()) return {};
    auto control = WrapControl::open(executor_, options_.control, places_.in, random_);
    if (!control) return fail(std::move(control).error());
    control_ = *std::move(control);
    control_->set_on_end([this](Duration grace, std::string why) {
      end_reason_ = std::move(why);
      tasks_.spawn(end(grace));
    });
    return {};
  }

  /// A line of our own, for a person only.
  void tell(const std::string& line, bool dim) const {
    if (options_.quiet || !places_.err || line.empty()) return;
    const bool color = dim && os::wants_color(os::ColorWish::automatic, environment_, true);
    Output out(STDERR_FILENO);
    out.line(color ? "\x1B[2m" + line + "\x1B[0m" : line);
    (void)out.flush();
  }

  /// Before the program has the screen.
  void greet() const {
    if (options_.broker) return tell(wrap_greeting(options_.name, options_.broker->name), true);
    const bool asked_for = !options_.no_inject && options_.control.empty();
    if (asked_for && !places_.in) tell(wrap_without_keys(options_.argv.front()), true);
  }

  /// When the person has the screen again: what they could not see meanwhile.
  void take_leave() const {
    if (!control_) return;
    if (!end_reason_.empty()) {
      tell(fmt::format("relay-broker: {} was ended: {}", printable(options_.name),
                       printable(end_reason_)),
           false);
    }
    const std::string away = wrap_absence(options_.name, control_->absence());
    if (options_.broker && !away.empty()) tell("relay-broker: " + away, false);
  }

  /// Before the program starts: it finds its name and its token in its surroundings.
  asio::awaitable<Result<void>> join() {
    if (!options_.broker) co_return Result<void>();
    JoinRequest request;
    request.name = options_.name;
    request.argv = options_.argv;
    request.task = options_.task;
    request.channels = options_.channels;
    request.control = options_.control;
    auto joined = co_await join_broker(executor_, *options_.broker, std::move(request));
    if (!joined) co_return fail(wrap_not_joined(std::move(joined).error()));
    options_.name = joined->name;
    options_.argv = std::move(joined->argv);
    for (const auto& [name, value] : joined->environment) {
      // What the person has set for the program itself stays.
      const bool ours = name.starts_with("RELAY_") || name.starts_with("AGENT_RELAY_");
      if (ours || !environment_.get(name)) environment_.set(name, value);
    }
    co_return Result<void>();
  }

  Result<void> prepare() {
    for (const int number :
         {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD}) {
      std::error_code error;
      signals_.add(number, error);
    }
    auto terminal = RealTerminal::open(executor_, places_.keys, places_.screen);
    if (!terminal) return fail(std::move(terminal).error());
    terminal_ = *std::move(terminal);

    const auto profile = choose_profile(options_, random_);
    if (!profile) return fail(profile.error());
    const os::WindowSize size = size_now();
    pty::ChildOrder order(command_of(options_, environment_, *profile, places_), size);
    // Without keys the real terminal stays as it is.
    order.carriage_returns = places_.keys >= 0;
    auto child = pty::DirectChild::start(executor_, std::move(order));
    if (!child) return fail(std::move(child).error());
    child_.emplace(*std::move(child));
    if (control_) control_->describe(child_->pid(), name_of_terminal());
    child_->on_stopped([this] { tasks_.spawn(stop()); });

    pty::SessionSettings settings(*profile, size);
    settings.real_terminal = places_.in && places_.out;
    if (control_) {
      settings.on_step = [this](const pty::InjectionStep& step) { control_->on_step(step); };
      settings.on_change = [this] { control_->on_change(); };
    }
    auto session = pty::Session::make(executor_, child_->take_master(), child_->process(),
                                      std::move(settings), watch_, clock_);
    if (!session) return fail(std::move(session).error());
    session_ = *std::move(session);
    session_->set_sink(terminal_.get());
    if (places_.keys >= 0) {
      auto raw = os::RawMode::enter(places_.keys);
      if (!raw) return fail(std::move(raw).error());
      raw_.emplace(*std::move(raw));
    }
    return {};
  }

  asio::awaitable<void> pass_keys() {
    for (;;) {
      // What is not read stays with the terminal, which stops taking more.
      const bool room = co_await session_->wait_for_room(kKeysLook);
      if (!room) continue;
      const std::string typed = co_await terminal_->next_keys();
      // The terminal is gone; SIGHUP says what that means.
      if (typed.empty()) co_return;
      for (;;) {
        const auto done = session_->type(typed);
        if (done || done.error().code != Code::queue_full) break;
        (void)co_await session_->wait_for_room(kKeysLook);
      }
    }
  }

  [[nodiscard]] std::string name_of_terminal() const {
    const char* path = places_.keys >= 0 ? ::ttyname(places_.keys) : nullptr;
    std::string name = path == nullptr ? "" : path;
    if (name.starts_with("/dev/")) name.erase(0, 5);
    return name;
  }

  [[nodiscard]] os::WindowSize size_now() const {
    auto size = os::window_size(places_.screen);
    if (!size) size = os::window_size(places_.keys);
    return size.value_or(kUsualSize);
  }

  asio::awaitable<void> heed_signals() {
    for (;;) {
      std::error_code error;
      const int number =
          co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      heed(number);
    }
  }

  void heed(int number) {
    switch (number) {
      case SIGTERM:
      case SIGHUP:
        // Once more: at once.
        tasks_.spawn(end(ended_by_ == 0 ? kGrace : Duration::zero()));
        if (ended_by_ == 0) ended_by_ = number;
        if (number == SIGHUP) session_->set_sink(nullptr);
        break;
      case SIGINT:
      case SIGQUIT:
      case SIGTSTP: signal_program(number); break;
      case SIGWINCH: take_size(); break;
      case SIGCONT: go_on(); break;
      case SIGCHLD: child_->collect_orphans(); break;
      default: break;
    }
  }

  asio::awaitable<void> end(Duration grace) {
    co_await child_->end_tree(grace);
    // A terminal that is stopped would hold up the last output, and us.
    session_->set_sink(nullptr);
  }

  void signal_program(int number) {
    const pid_t front = session_->terminal().group_in_front();
    child_->signal_group(front > 0 ? front : child_->pid(), number);
  }

  void take_size() {
    const os::WindowSize size = size_now();
    pty::SizeRequest request;
    request.columns = size.columns;
    request.rows = size.rows;
    (void)session_->resize(request);
  }

  /// The program was stopped, so are we: our shell has the terminal, as it was. What the program
  /// has printed to leave it comes first.
  asio::awaitable<void> stop() {
    session_->take_printed();
    co_await terminal_->flush(kFlushWithin);
    if (raw_) raw_->leave();
    stop_until_continued();
    go_on();
  }

  void go_on() {
    if (raw_) {
      raw_->leave();
      (void)raw_->enter_again();
    }
    take_size();
    signal_program(SIGCONT);
  }

  asio::any_io_executor executor_;
  WrapOptions options_;
  os::Environment environment_;
  Places places_;
  SystemClock clock_;
  os::SystemRandom random_;
  asio::signal_set signals_;
  pty::InputWatch watch_;
  std::unique_ptr<WrapControl> control_;
  std::unique_ptr<RealTerminal> terminal_;
  std::optional<pty::DirectChild> child_;
  std::unique_ptr<pty::Session> session_;
  std::optional<os::RawMode> raw_;
  int ended_by_ = 0;
  /// For the person, when somebody else has ended the program.
  std::string end_reason_;
  net::TaskGroup tasks_;
};

}  // namespace

asio::awaitable<Result<int>> run_wrapped(asio::any_io_executor executor, WrapOptions options,
                                         os::Environment environment) {
  Wrapped wrapped(executor, std::move(options), std::move(environment));
  co_return co_await wrapped.run();
}

std::vector<std::string> profile_names() {
  os::SystemRandom random;
  std::vector<std::string> names;
  for (const auto& profile : all_profiles(random).value_or(pty::builtin_profiles())) {
    names.push_back(profile.name);
  }
  return names;
}

}  // namespace relay::cli
