#include "cli/serve_run.hpp"

#include "cli/output.hpp"
#include "cli/serve_background.hpp"
#include "cli/serve_note.hpp"
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "os/posix_files.hpp"
#include "os/sd_notify.hpp"
#include "os/system_random.hpp"
#include "pty/user_profiles.hpp"

namespace relay::cli {
namespace {

/// For the service manager: longer than any step of ours.
constexpr Duration kEndsWithin = std::chrono::seconds(60);

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
        tasks_(std::move(executor)) {}

  asio::awaitable<Result<void>> run(Progress* progress) {
    auto settings = serve_settings(options_, setup_, files_, random_, redactor_);
    if (!settings) co_return fail(std::move(settings).error());
    state_dir_ = settings->broker.state_dir;
    instance_ = settings->instance.name;
    directory_ = settings->broker.directory;
    broker::Daemon::Hooks hooks;
    hooks.on_step = [this, progress](std::string what) {
      progress->step(what);
      (void)manager_.status(what);
    };
    hooks.on_listening = [this](const std::string& url) {
      if (options_.peer) say("[agent-relay] API listening on " + url);
    };
    hooks.on_note = [this](node_control::NoteLevel level, std::string text) {
      log(level, std::move(text));
    };
    broker::Daemon daemon(executor_, clock_, random_, files_, *std::move(settings),
                          std::move(hooks));
    daemon_ = &daemon;
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) {
      std::error_code error;
      signals_.add(number, error);
    }
    tasks_.spawn(heed_signals());
    Result<void> out;
    const auto facts = co_await daemon.start();
    progress->done();
    if (facts) {
      announce(*facts);
      if (const auto interval = manager_.watchdog_interval()) {
        tasks_.spawn(feed_watchdog(*interval / 3));
      }
      auto why = co_await daemon.wait();
      if (why) out = fail(*std::move(why));
    } else {
      out = fail(facts.error());
    }
    (void)manager_.stopping("ending");
    (void)manager_.extend_timeout(kEndsWithin);
    const bool leave = leave_agents_ || (!out && out.error().code == Code::already_running);
    co_await daemon.stop(leave ? broker::Daemon::Agents::leave : broker::Daemon::Agents::end);
    daemon_ = nullptr;
    tasks_.cancel();
    co_await tasks_.join();
    co_return out;
  }

 private:
  void announce(const broker::DaemonFacts& facts) {
    const std::string engine = facts.engine.empty() ? "none" : facts.engine;
    ready_status_ = "ready: " + facts.url;
    (void)manager_.ready(ready_status_);
    if (options_.peer) return warn_of(facts);
    keep_note();
    if (context_.json) {
      std::string text;
      JsonWriter out(text);
      out.begin_object();
      out.field("event", "ready");
      out.field("api", facts.url);
      out.field("socket", facts.socket);
      out.field("engine", facts.engine);
      out.field("workspace_id", facts.workspace_id);
      out.field("node_id", facts.node_id);
      out.field("node_name", facts.node_name);
      out.field("connected", facts.connected);
      out.field("pid", std::int64_t{::getpid()});
      out.field("state_dir", state_dir_.string());
      out.end_object();
      out.finish();
      say(text);
    } else {
      say(fmt::format("relay-broker ready: {} (engine {}, node {})", facts.url, printable(engine),
                      facts.node_name.empty() ? "none" : printable(facts.node_name)));
    }
    warn_of(facts);
    if (background_ == nullptr) return;
    const os::Path log_file = state_dir_ / "serve.log";
    if (!context_.json) {
      note(fmt::format("it goes on in the background; relay-broker stop ends it, its log is {}",
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
    const auto kept = keep_serve_note(files_, *paths, instance_, note_of(options_, directory_));
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
        std::signal(SIGTERM, SIG_DFL);
        ::kill(::getpid(), SIGTERM);
      }
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

  asio::awaitable<void> feed_watchdog(Duration every) {
    for (;;) {
      (void)manager_.watchdog();
      co_await net::pause(every);
    }
  }

  Context& context_;
  const ServeOptions& options_;
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
  os::Path state_dir_;
  os::Path directory_;
  std::string instance_;
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
