#include "cli/serve_run.hpp"

#include "cli/engine_choice.hpp"
#include "cli/output.hpp"
#include "cli/serve_background.hpp"
#include "cli/serve_note.hpp"
#include "cli/shared_engine.hpp"
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "net/event.hpp"
#include "net/openssl.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "os/code_pages.hpp"
#include "os/posix_files.hpp"
#include "os/processes.hpp"
#include "os/sd_notify.hpp"
#include "os/system_random.hpp"
#include "pty/session/user_profiles.hpp"

namespace relay::cli {
namespace {

/// For the service manager: longer than any step of ours.
constexpr Duration kEndsWithin = std::chrono::seconds(60);
/// Behind a broker that made room its engine takes that long to end at most; then ours watches it
/// as it would any other.
constexpr Duration kEngineFollowsWithin = std::chrono::seconds(5);
constexpr Duration kLookForEngine = std::chrono::milliseconds(10);

/// One run of `serve`.
class Serving {
 public:
  Serving(Context& context, const ServeOptions& options, asio::any_io_executor executor,
          NodeSetup& setup, Background* background)
      : context_(context),
        options_(options),
        setup_(setup),
        background_(background),
        executor_(executor),
        signals_(executor),
        manager_(os::Environment::of_process()),
        ending_(executor),
        as_asked_(note_of(options, {})),
        tasks_(std::move(executor)) {}

  asio::awaitable<Result<void>> run(Progress* progress) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) {
      std::error_code error;
      signals_.add(number, error);
    }
    tasks_.spawn(heed_signals());
    auto out = net::load_openssl();
    if (out) out = co_await open_engine(progress);
    bool begin = out.has_value();
    while (begin) {
      auto served = options_.role == "engine" ? be_an_engine(progress) : be_a_broker(progress);
      out = co_await std::move(served);
      begin = out && moved_ && !asked_to_end_;
    }
    tasks_.cancel();
    co_await tasks_.join();
    if (shared_engine_) co_await shared_engine_->stop();
    co_return out;
  }

 private:
  /// The embedded engine, when the broker is to have that one.
  asio::awaitable<Result<void>> open_engine(Progress* progress) {
    auto home = engine_home_of(options_, files_);
    if (!home) co_return fail(std::move(home).error());
    const auto answer = choose_engine(options_, setup_, files_);
    if (!answer) co_return fail(answer.error());
    if (answer->choice == EngineChoice::named) options_.engine.engine = answer->url;
    if (answer->choice != EngineChoice::embedded) co_return Result<void>();
    auto settings = shared_engine_settings(options_);
    if (!settings) co_return fail(std::move(settings).error());
    step(progress, "starting the engine");
    std::function<void(std::string)> note = [this](std::string text) {
      log(node_control::NoteLevel::warning, std::move(text));
    };
    engine_home_ = home->database().parent_path();
    options_.engine_database = home->database();
    shared_engine_.emplace(executor_, random_, *std::move(home), *std::move(settings),
                           std::move(note));
    auto found = co_await shared_engine_->open();
    if (!found) co_return fail(std::move(found).error());
    if (options_.role == "engine" && !found->here) {
      co_return fail(Code::already_running,
                     "another process of this user runs the engine: " + found->url,
                     "use it, or --store sqlite:PATH for another one");
    }
    redactor_.watch(found->workspace_key);
    options_.key_in_hand = found->workspace_key;
    use(*found);
    if (!engine_here_) warn_of_listen();
    if (!engine_here_) tasks_.spawn(keep_engine());
    co_return Result<void>();
  }

  void use(const SharedEngine::Found& found) {
    engine_here_ = found.here;
    options_.engine.engine = found.url;
    engine_workspace_ = found.workspace_id;
  }

  /// The engine stays where its process has it, and there, too, when we run it after that one.
  void warn_of_listen() {
    const std::string& wanted = options_.engine_listen;
    const std::string& url = options_.engine.engine;
    if (wanted.empty() || url == "http://" + wanted) return;
    log(node_control::NoteLevel::warning,
        fmt::format(
            "--engine-listen {} is not used: pid {} runs the engine at {}; end that process "
            "(relay-broker stop where it is the broker), then start this one again",
            wanted, shared_engine_->runner().value_or(0), url));
  }

  /// When the engine has moved the broker begins again with it, and finds its agents as the next
  /// broker of this instance would.
  asio::awaitable<void> keep_engine() {
    for (;;) {
      const auto moved = co_await shared_engine_->keep();
      if (!moved) co_return;
      use(*moved);
      moved_ = true;
      if (daemon_ != nullptr) daemon_->ask_to_end();
    }
  }

  /// The broker that made room may have run the engine, too: it runs here before ours asks for it.
  asio::awaitable<void> follow_engine(pid_t before) {
    if (!shared_engine_) co_return;
    const Monotonic deadline = clock_.now() + kEngineFollowsWithin;
    // Another broker of this user may be quicker.
    while (shared_engine_->runner() == before && clock_.now() < deadline) {
      shared_engine_->expect_end_of(before);
      co_await net::pause(kLookForEngine);
    }
  }

  asio::awaitable<Result<void>> be_an_engine(Progress* progress) {
    progress->done();
    os::dump_no_core();
    state_dir_ = engine_home_;
    broker::DaemonFacts facts;
    facts.engine = options_.engine.engine;
    facts.workspace_id = engine_workspace_;
    facts.connected = true;
    settle(facts);
    feed_manager();
    while (!asked_to_end_) {
      (void)co_await ending_.wait(kEndsWithin);
    }
    (void)manager_.stopping("ending");
    co_return Result<void>();
  }

  asio::awaitable<Result<void>> be_a_broker(Progress* progress) {
    // Somebody may have thought better of it while the engine was opened.
    if (asked_to_end_) co_return Result<void>();
    moved_ = false;
    auto settings = serve_settings(options_, setup_, files_, random_, redactor_);
    if (!settings) co_return fail(std::move(settings).error());
    state_dir_ = settings->broker.state_dir;
    instance_ = settings->instance.name;
    as_asked_.directory = settings->broker.directory;
    as_asked_.runtime = settings->instance.runtime;
    broker::Daemon::Hooks hooks;
    hooks.on_step = [this, progress](std::string what) { step(progress, std::move(what)); };
    hooks.on_room = [this](pid_t before) { return follow_engine(before); };
    hooks.on_listening = [this](const std::string& url) {
      if (options_.peer) say("[agent-relay] API listening on " + url);
    };
    hooks.on_note = [this](node_control::NoteLevel level, std::string text) {
      log(level, std::move(text));
    };
    broker::Daemon daemon(executor_, clock_, random_, files_, *std::move(settings),
                          std::move(hooks));
    daemon_ = &daemon;
    Result<void> out;
    const auto facts = co_await daemon.start();
    progress->done();
    // The keeper runs by now: its agents keep the limit that we were started with.
    os::dump_no_core();
    if (facts) {
      settle(*facts);
      feed_manager();
      auto why = co_await daemon.wait();
      if (why) out = fail(*std::move(why));
    } else if (facts.error().code != Code::cancelled) {
      out = fail(facts.error());
    }
    // It begins again at once: for the service manager it goes on.
    const bool moves = out && moved_ && !asked_to_end_;
    if (!moves) {
      (void)manager_.stopping("ending");
      (void)manager_.extend_timeout(kEndsWithin);
    }
    const bool leave =
        leave_agents_ || moves || (!out && out.error().code == Code::already_running);
    // A person who has typed Ctrl-C waits for programs that take their time.
    const bool watched = asked_to_end_ && background_ == nullptr;
    if (facts && !leave && watched)
      progress->step("ending the agents; Ctrl-C again ends them at once");
    co_await daemon.stop(leave ? broker::Daemon::Agents::leave : broker::Daemon::Agents::end);
    progress->done();
    daemon_ = nullptr;
    co_return out;
  }

  void step(Progress* progress, std::string what) {
    (void)manager_.status(what);
    progress->step(std::move(what));
  }

  /// It is ready, and waits from now on.
  void settle(const broker::DaemonFacts& facts) {
    announce(facts);
    os::forget_used_code();
  }

  void announce(const broker::DaemonFacts& facts) {
    const std::string engine = facts.engine.empty() ? "none" : facts.engine;
    const bool only_engine = facts.url.empty();
    ready_status_ = "ready: " + (only_engine ? facts.engine : facts.url);
    (void)manager_.ready(ready_status_);
    if (options_.peer) return warn_of(facts);
    keep_note();
    if (std::exchange(announced_, true)) return warn_of(facts);
    if (context_.json) {
      std::string text;
      JsonWriter out(text);
      out.begin_object();
      out.field("event", "ready");
      out.field("api", facts.url);
      out.field("socket", facts.socket);
      out.field("engine", facts.engine);
      out.field("runs_engine", engine_here_ || (shared_engine_ && shared_engine_->runs_here()));
      out.field("workspace_id", facts.workspace_id);
      out.field("node_id", facts.node_id);
      out.field("node_name", facts.node_name);
      out.field("connected", facts.connected);
      out.field("pid", std::int64_t{::getpid()});
      out.field("state_dir", state_dir_.string());
      out.end_object();
      out.finish();
      say(text);
    } else if (only_engine) {
      say(fmt::format("relay-broker engine ready: {}", printable(engine)));
    } else {
      say(fmt::format("relay-broker ready: {} (engine {}, node {})", facts.url, printable(engine),
                      facts.node_name.empty() ? "none" : printable(facts.node_name)));
    }
    warn_of(facts);
    if (background_ == nullptr) return;
    const os::Path log_file = state_dir_ / "serve.log";
    if (!context_.json) {
      const std::string end =
          only_engine ? fmt::format("kill {}", ::getpid()) : "relay-broker stop";
      note(fmt::format("it goes on in the background; {} ends it, its log is {}", end,
                       log_file.string()));
    }
    const auto left = background_->leave_terminal(files_, log_file);
    if (!left) log(node_control::NoteLevel::error, left.error().message);
  }

  /// For whoever finds this broker dead one day.
  void keep_note() {
    const auto around = os::Surroundings::of_process();
    const auto paths =
        around ? os::user_paths(*around) : Result<os::UserPaths>(fail(around.error()));
    if (!paths) return;
    const auto kept = keep_serve_note(files_, *paths, instance_, as_asked_);
    if (!kept) log(node_control::NoteLevel::warning, kept.error().message);
  }

  void say(std::string_view line) {
    context_.out.line(line);
    (void)context_.out.flush();
  }

  void warn_of(const broker::DaemonFacts& facts) {
    if (!facts.engine.empty() && !facts.connected) {
      log(node_control::NoteLevel::warning,
          "not connected to the engine yet: " + facts.trouble + "; it is tried on and on");
    }
  }

  void log(node_control::NoteLevel level, std::string text) {
    if (level == node_control::NoteLevel::debug) return;
    if (background_ != nullptr) background_->rotate(files_);
    Output out(STDERR_FILENO);
    const char* name = level == node_control::NoteLevel::error ? "error" : "warning";
    out.line(fmt::format("{}: {}", name, printable(redactor_.redact(text))));
    (void)out.flush();
  }

  asio::awaitable<void> heed_signals() {
    for (;;) {
      std::error_code error;
      const int number =
          co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      if (number == SIGHUP) {
        read_again();
        continue;
      }
      if (number == SIGUSR2) leave_agents_ = true;
      if (std::exchange(asked_to_end_, true)) {
        // A second time: at once. The keeper ends the agents.
        const int last = number == SIGINT ? SIGINT : SIGTERM;
        std::signal(last, SIG_DFL);
        ::kill(::getpid(), last);
      }
      ending_.notify();
      if (daemon_ != nullptr) daemon_->ask_to_end();
    }
  }

  /// What may change while we run. Before we are ready it has just been read.
  void read_again() {
    if (daemon_ == nullptr || ready_status_.empty() || asked_to_end_) return;
    (void)manager_.reloading(clock_.now());
    const auto around = os::Surroundings::of_process();
    const auto paths =
        around ? os::user_paths(*around) : Result<os::UserPaths>(fail(around.error()));
    auto profiles = paths ? pty::load_profiles(files_, paths->config / "profiles")
                          : Result<std::vector<pty::Profile>>(fail(paths.error()));
    if (profiles) {
      note(
          fmt::format("SIGHUP: {} profiles are read again, for agents that start from now on; "
                      "options and environment need a restart",
                      profiles->size()));
      daemon_->use_profiles(*std::move(profiles));
    } else {
      log(node_control::NoteLevel::error,
          "SIGHUP: the profiles stay as they were: " + profiles.error().message);
    }
    (void)manager_.ready(ready_status_);
  }

  /// Once, however often the broker begins again.
  void feed_manager() {
    const auto interval = manager_.watchdog_interval();
    if (!interval || std::exchange(fed_, true)) return;
    tasks_.spawn(feed_watchdog(*interval / 3));
  }

  asio::awaitable<void> feed_watchdog(Duration every) {
    for (;;) {
      (void)manager_.watchdog();
      co_await net::pause(every);
    }
  }

  Context& context_;
  /// With what is found out about the engine.
  ServeOptions options_;
  NodeSetup& setup_;
  Background* background_;
  asio::any_io_executor executor_;
  SystemClock clock_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  Redactor redactor_;
  asio::signal_set signals_;
  os::ServiceManager manager_;
  broker::Daemon* daemon_ = nullptr;
  std::optional<SharedEngine> shared_engine_;
  os::Path engine_home_;
  bool engine_here_ = false;
  /// The engine is at another address than the broker believes.
  bool moved_ = false;
  bool announced_ = false;
  bool fed_ = false;
  std::string engine_workspace_;
  net::Event ending_;
  os::Path state_dir_;
  std::string instance_;
  /// Before the embedded engine was put into the options.
  ServeNote as_asked_;
  /// What the service manager is told of a broker that is ready; empty before.
  std::string ready_status_;
  bool leave_agents_ = false;
  bool asked_to_end_ = false;
  net::TaskGroup tasks_;
};

asio::awaitable<Result<void>> serve(Context* context, const ServeOptions* options,
                                    asio::any_io_executor executor, NodeSetup* setup,
                                    Background* background, Progress* progress) {
  Serving serving(*context, *options, std::move(executor), *setup, background);
  co_return co_await serving.run(progress);
}

}  // namespace

Result<void> run_serve(Context& context, const ServeOptions& options, Background* background) {
  auto setup = NodeSetup::of_process();
  if (!setup) return fail(std::move(setup).error());
  return serve_loop([&](asio::any_io_executor executor, Progress* progress) {
    return serve(&context, &options, std::move(executor), setup->get(), background, progress);
  });
}

}  // namespace relay::cli
