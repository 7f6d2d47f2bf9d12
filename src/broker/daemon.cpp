#include "broker/daemon.hpp"

#include <csignal>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "broker/api.hpp"
#include "broker/broker.hpp"
#include "broker/journal.hpp"
#include "broker/journaled_records.hpp"
#include "net/event.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace relay::broker {
namespace {

constexpr Duration kKeeperWithin = std::chrono::seconds(20);
constexpr Duration kApiGrace = std::chrono::seconds(1);
constexpr Duration kShownWithin = std::chrono::seconds(1);
constexpr Duration kKeeperEndsWithin = std::chrono::seconds(20);
constexpr Duration kLookAtEnd = std::chrono::hours(1);
/// A broker that is asked to make room.
constexpr Duration kMakesRoomWithin = std::chrono::seconds(15);
constexpr Duration kLookForRoom = std::chrono::milliseconds(20);
constexpr Duration kSweepEvery = std::chrono::minutes(10);
constexpr Duration kSweepSoon = std::chrono::seconds(1);

/// Failures that another time may not bring: the broker starts without a connection.
bool passes(Code code) {
  switch (code) {
    case Code::engine_unreachable:
    case Code::timeout:
    case Code::connection_closed:
    case Code::engine_error:
    case Code::rate_limited:
    case Code::protocol_error: return true;
    default: return false;
  }
}

}  // namespace

struct Daemon::Impl {
  Impl(asio::any_io_executor executor_in, Clock& clock_in, Random& random_in, os::Files& files_in,
       DaemonSettings settings_in, Hooks hooks_in)
      : executor(executor_in),
        clock(clock_in),
        random(random_in),
        files(files_in),
        settings(std::move(settings_in)),
        hooks(std::move(hooks_in)),
        events(executor_in),
        watch(executor_in),
        ending(executor_in),
        finding(executor_in),
        tasks(executor_in) {}

  asio::awaitable<Result<void>> take_place();
  asio::awaitable<Result<void>> open_outside();
  asio::awaitable<Result<void>> open_journal();
  asio::awaitable<void> find_node();
  asio::awaitable<void> start_node();
  void make_parts();
  Result<void> open_api();
  asio::awaitable<Result<DaemonFacts>> meet_engine();
  asio::awaitable<void> keep_lease();
  asio::awaitable<void> keep_clean();
  void end(std::optional<Error> why);
  [[nodiscard]] Error cut_short() const;
  void note(node_control::NoteLevel level, std::string text) const {
    if (hooks.on_note) hooks.on_note(level, std::move(text));
  }
  void step(std::string what) const {
    if (hooks.on_step) hooks.on_step(std::move(what));
  }

  asio::any_io_executor executor;
  Clock& clock;
  Random& random;
  os::Files& files;
  DaemonSettings settings;
  Hooks hooks;

  std::unique_ptr<os::FileLock> lock;
  EventLog events;
  Roster roster{executor};
  pty::InputWatch watch;
  std::unique_ptr<pty::KeeperClient> keeper;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<JournaledRecords> records;
  std::optional<BrokerParts> parts;
  NoEngine no_engine;
  std::unique_ptr<Broker> broker;
  std::unique_ptr<NodeSide> node;
  /// What the start has found out so far.
  std::optional<Result<token_cache::NodeCredentials>> node_found;
  std::optional<Result<void>> node_started;
  std::unique_ptr<LocalApi> api;
  std::unique_ptr<net::HttpServer> server;
  std::string url;
  Secret workspace_key;
  Monotonic renewed{};

  net::Event ending;
  bool ended = false;
  std::optional<Error> why_ended;
  /// What the start waits for and an end does not.
  net::TaskGroup finding;
  net::TaskGroup tasks;
  /// Another broker has made room for this one.
  bool replaced = false;
  /// Only then it is for us to end the agents.
  bool started = false;
};

Daemon::Daemon(asio::any_io_executor executor, Clock& clock, Random& random, os::Files& files,
               DaemonSettings settings, Hooks hooks)
    : impl_(std::make_unique<Impl>(std::move(executor), clock, random, files, std::move(settings),
                                   std::move(hooks))) {}

Daemon::~Daemon() = default;

// Start

asio::awaitable<Result<DaemonFacts>> Daemon::start() {
  Impl& impl = *impl_;
  auto step = impl.settings.instance.make(impl.files);
  if (step) step = co_await impl.take_place();
  if (step) step = co_await impl.open_outside();
  if (step) impl.make_parts();
  if (step) step = impl.open_api();
  if (step) step = co_await impl.broker->start();
  if (!step) co_return fail(std::move(step).error());
  auto facts = co_await impl.meet_engine();
  auto open = co_await impl.keeper->opened();
  if (!open) co_return fail(std::move(open).error());
  const bool cut = !facts && facts.error().code == Code::cancelled;
  if (cut && impl.replaced) {
    impl.note(node_control::NoteLevel::warning,
              "the broker that was to be replaced has ended; its agents live on for a while: "
              "relay-broker serve takes them over");
  }
  // Who asks for the end of a start means its agents, but not those of the broker before.
  impl.started = facts.has_value() || (cut && !impl.replaced);
  co_return facts;
}

/// The lock tells who the broker of an instance is.
asio::awaitable<Result<void>> Daemon::Impl::take_place() {
  const std::string who = fmt::format("relay-broker, pid {}", ::getpid());
  const Monotonic deadline = clock.now() + kMakesRoomWithin;
  std::optional<pid_t> asked;
  for (;;) {
    auto held = files.lock(settings.instance.lock(), who);
    if (held) {
      lock = *std::move(held);
      replaced = asked.has_value();
      if (asked && hooks.on_room) {
        auto follow = hooks.on_room(*asked);
        co_await std::move(follow);
      }
      co_return Result<void>();
    }
    if (held.error().code != Code::already_running) co_return fail(std::move(held).error());
    if (!settings.takeover) {
      Error running = std::move(held).error();
      running.message =
          "the instance " + settings.instance.name + " has a broker: " + running.message;
      running.hint = "relay-broker status shows it; serve --takeover replaces it, its agents stay";
      co_return fail(std::move(running));
    }
    const auto pid = pid_of_note(held.error().message);
    if (!pid) co_return fail(std::move(held).error());
    if (!std::exchange(asked, pid)) {
      step(fmt::format("asking the broker with pid {} to make room", *pid));
      // It holds the lock, so the pid is its own.
      ::kill(*pid, SIGUSR2);
    }
    if (ended) co_return fail(cut_short());
    if (clock.now() >= deadline) {
      co_return fail(Code::timeout, fmt::format("the broker with pid {} does not make room", *pid),
                     fmt::format("kill -9 {} ends it; its agents stay for a while", *pid));
    }
    co_await net::pause(kLookForRoom);
  }
}

/// Disk, keeper and engine: each waits for somebody else, so they are asked at once.
asio::awaitable<Result<void>> Daemon::Impl::open_outside() {
  if (settings.node) {
    if (settings.node->request.workspace_key) workspace_key = *settings.node->request.workspace_key;
    settings.node->self_name = settings.broker.instance;
    node = std::make_unique<NodeSide>(executor, clock, random, files, *std::move(settings.node));
  }
  step("opening the journal, starting the keeper, looking for the node's token");
  pty::KeeperPlace place(settings.program, settings.instance.runtime,
                         settings.instance.keeper_socket, settings.orphan_grace);
  keeper = pty::KeeperClient::begin(executor, std::move(place), kKeeperWithin);
  // An engine that does not answer keeps neither the API nor the agents waiting.
  if (node) finding.spawn(find_node());
  auto open = co_await open_journal();
  // Until it is known who lives on. One that has to be started comes up beside the rest.
  auto looked = co_await keeper->looked();
  if (open) open = std::move(looked);
  co_return open;
}

asio::awaitable<Result<void>> Daemon::Impl::open_journal() {
  auto opened = co_await Journal::open(executor, settings.instance.journal(), clock);
  if (!opened) co_return fail(std::move(opened).error());
  journal = *std::move(opened);
  for (std::string& line : journal->report()) note(node_control::NoteLevel::error, std::move(line));
  auto typing = settings.instance.journal();
  typing += ".typing";
  records = std::make_unique<JournaledRecords>(*journal, TypingMarks::open(typing, boot_id()));
  co_return co_await records->prepare();
}

asio::awaitable<void> Daemon::Impl::find_node() {
  auto found = co_await node->find_node();
  node_found.emplace(std::move(found));
}

asio::awaitable<void> Daemon::Impl::start_node() {
  auto linked = co_await node->start(&records->book(), &broker->node_handler());
  node_started.emplace(std::move(linked));
}

void Daemon::Impl::make_parts() {
  parts.emplace(executor, clock, random, files, *records, *keeper, watch, events, roster);
  parts->settings = settings.broker;
  parts->profiles = settings.profiles;
  parts->engine = &no_engine;
  if (node) parts->engine = node.get();
  Broker::Hooks broker_hooks;
  broker_hooks.on_end = [this](std::optional<Error> why) { end(std::move(why)); };
  broker_hooks.on_note = hooks.on_note;
  broker = std::make_unique<Broker>(*parts, std::move(broker_hooks));
  tasks.spawn(watch.run());
  tasks.spawn(journal->keep_open());
  tasks.spawn(keep_clean());
}

Result<void> Daemon::Impl::open_api() {
  auto tcp = net::Listener::tcp(executor, settings.listen_address, settings.listen_port);
  if (!tcp) return fail(std::move(tcp).error());
  auto local = net::Listener::unix(executor, settings.instance.api_socket.string());
  if (!local) return fail(std::move(local).error());
  url = fmt::format("http://{}:{}", settings.listen_address, tcp->port());
  parts->settings.result_url = url + "/api/agent-result";

  LocalApiSettings api_settings;
  api_settings.key = settings.api_key;
  api_settings.port = tcp->port();
  api_settings.version = settings.broker.version;
  api_settings.persist = !settings.lease;
  if (settings.lease) api_settings.lease = *settings.lease;
  api_settings.on_renewed = [this] { renewed = clock.now(); };
  api_settings.on_failure = [this](std::string what) {
    note(node_control::NoteLevel::error, std::move(what));
  };
  api = std::make_unique<LocalApi>(executor, *broker, std::move(api_settings), clock);
  net::HttpServerOptions options;
  options.guard = api->guard();
  options.on_failure = [this](std::string what) {
    note(node_control::NoteLevel::error, std::move(what));
  };
  ApiConnection connection;
  connection.url = url;
  connection.port = tcp->port();
  connection.key = settings.api_key;
  connection.pid = ::getpid();
  connection.socket = settings.instance.api_socket.string();
  connection.instance = settings.instance.name;
  auto kept = keep_api_connection(files, settings.instance.connection(), connection);
  if (kept && settings.connection_also) {
    kept = keep_api_connection(files, *settings.connection_also, connection);
  }
  if (!kept) return kept;
  server = std::make_unique<net::HttpServer>(executor, std::move(options), api->routes());
  server->serve(*std::move(tcp));
  server->serve(*std::move(local));
  if (hooks.on_listening) hooks.on_listening(url);
  renewed = clock.now();
  if (settings.lease) tasks.spawn(keep_lease());
  return {};
}

asio::awaitable<Result<DaemonFacts>> Daemon::Impl::meet_engine() {
  DaemonFacts facts;
  facts.url = url;
  facts.socket = settings.instance.api_socket.string();
  WorkspaceFacts workspace(settings.broker.workspace_id);
  if (node) {
    co_await finding.join();
    // Nobody is told of a node whose keeper did not start.
    if (ended) co_return fail(cut_short());
    const auto& found = *node_found;
    if (!found && !passes(found.error().code)) co_return fail(found.error());
    if (found) {
      for (const std::string& notice : found->notices) {
        note(node_control::NoteLevel::warning, notice);
      }
      parts->settings.engine = found->engine;
      parts->settings.workspace_id = found->workspace_id;
      workspace.id = found->workspace_id;
      step("connecting to " + found->engine);
    } else {
      facts.trouble = found.error().message;
    }
    finding.spawn(start_node());
    co_await finding.join();
    if (ended) co_return fail(cut_short());
    if (!*node_started) co_return fail(node_started->error());
    const auto status = node->status();
    facts.engine = parts->settings.engine;
    facts.workspace_id = parts->settings.workspace_id;
    facts.node_id = status.node_id;
    facts.node_name = status.node_name;
    facts.connected = status.connected;
    if (!status.connected && status.last_error) facts.trouble = status.last_error->message;
  }
  workspace.base_url = parts->settings.engine;
  workspace.key = workspace_key;
  workspace.self_name = settings.broker.instance;
  api->engine_ready(std::move(workspace));
  co_return facts;
}

// Life

void Daemon::Impl::end(std::optional<Error> why) {
  if (ended) return;
  ended = true;
  why_ended = std::move(why);
  finding.cancel();
  ending.notify();
}

Error Daemon::Impl::cut_short() const {
  if (why_ended) return *why_ended;
  return {Code::cancelled, "it was asked to end before it was ready"};
}

void Daemon::use_profiles(std::vector<pty::Profile> profiles) {
  if (impl_->parts) impl_->parts->profiles = std::move(profiles);
}

void Daemon::ask_to_end() {
  impl_->end(std::nullopt);
}

asio::awaitable<std::optional<Error>> Daemon::wait() {
  while (!impl_->ended) (void)co_await impl_->ending.wait(kLookAtEnd);
  co_return impl_->why_ended;
}

asio::awaitable<void> Daemon::Impl::keep_lease() {
  for (;;) {
    const Duration left = renewed + *settings.lease - clock.now();
    if (left <= Duration::zero()) {
      note(node_control::NoteLevel::warning, "nobody renews the lease any more: the broker ends");
      end(std::nullopt);
      co_return;
    }
    co_await net::pause(left);
  }
}

asio::awaitable<void> Daemon::Impl::keep_clean() {
  for (;;) {
    const auto removed = co_await journal->sweep();
    const bool more = removed && *removed >= static_cast<std::size_t>(Journal::kSweepBatch);
    Duration wait = kSweepEvery;
    if (more) wait = kSweepSoon;
    co_await net::pause(wait);
  }
}

// End

asio::awaitable<void> Daemon::stop(Agents agents) {
  co_await net::shielded();
  Impl& impl = *impl_;
  // What lives from before belongs to the broker that can start.
  if (!impl.started) agents = Agents::leave;
  impl.end(std::nullopt);
  if (impl.server) co_await impl.server->stop(kApiGrace);
  // What is not read here the next broker reads; so who watches misses nothing of it.
  if (impl.broker && agents == Agents::leave) {
    co_await impl.broker->let_go();
    if (impl.api) co_await impl.api->show_the_rest(kShownWithin);
  }
  if (impl.api) co_await impl.api->stop();
  if (impl.broker) {
    const bool all = agents == Agents::end;
    co_await impl.broker->stop(all ? Broker::Agents::end : Broker::Agents::leave);
  }
  if (impl.node) {
    using node_control::Farewell;
    // The next broker speaks for the same node, whose agents live on.
    const auto farewell = agents == Agents::leave ? Farewell::successor_comes : Farewell::for_good;
    co_await impl.node->stop(farewell);
  }
  co_await impl.finding.join();
  impl.tasks.cancel();
  co_await impl.tasks.join();
  const bool keeper_lost = impl.broker && impl.broker->keeper_lost();
  bool end_keeper = agents == Agents::end && !keeper_lost;
  if (impl.keeper && !impl.started) {
    const auto held = co_await impl.keeper->list(kKeeperEndsWithin);
    end_keeper = held && held->empty();
  }
  if (impl.keeper && end_keeper) {
    const auto gone = co_await impl.keeper->shut_down_keeper(Duration::zero(), kKeeperEndsWithin);
    if (!gone) impl.note(node_control::NoteLevel::warning, gone.error().message);
  }
  if (impl.keeper) co_await impl.keeper->close();
  if (impl.journal) co_await impl.journal->close();
  if (!impl.lock) co_return;
  (void)impl.files.remove(impl.settings.instance.connection());
  if (impl.settings.connection_also) (void)impl.files.remove(*impl.settings.connection_also);
}

}  // namespace relay::broker
