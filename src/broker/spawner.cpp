#include "broker/spawner.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "broker/json_fields.hpp"
#include "broker/launch.hpp"
#include "broker/spawner_steps.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "os/processes.hpp"

namespace relay::broker {
namespace {

constexpr Duration kStartWithin = std::chrono::seconds(15);
constexpr Duration kAnswerWithin = std::chrono::seconds(120);

std::string answer_text(const SpawnedAgent& agent) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("name", agent.name);
  out.field("agent_id", agent.agent_id);
  out.field("generation", agent.generation);
  out.field("session_id", agent.session_id);
  out.field("model", agent.model);
  out.field("node", agent.node);
  out.field("pid", std::int64_t{agent.pid});
  out.field("pre_registered", agent.pre_registered);
  out.end_object();
  out.finish();
  return text;
}

Result<SpawnedAgent> read_answer(const std::string& text) {
  auto document = wire::JsonDocument::parse(text, wire::kInboundLimits);
  if (!document) return fail(std::move(document).error());
  const JsonFields fields(document->root());
  SpawnedAgent out;
  out.name = fields.text({"name"});
  out.agent_id = fields.text({"agent_id"});
  out.generation = fields.text({"generation"});
  out.session_id = fields.text({"session_id"});
  out.model = fields.text({"model"});
  out.node = fields.text({"node"});
  out.pid = static_cast<pid_t>(fields.number({"pid"}).value_or(0));
  out.pre_registered = fields.flag({"pre_registered"});
  return out;
}

/// A terminal's own name for itself stays.
void tell_launch(const Launch& plan, SpawnedAgent& into) {
  into.argv = plan.argv;
  for (const std::string& entry : plan.environment.entries()) {
    const auto equals = entry.find('=');
    std::string name = entry.substr(0, equals);
    if (name != "TERM") into.environment.emplace_back(std::move(name), entry.substr(equals + 1));
  }
}

/// Of a request that was kept.
bool holds_messages(const std::string& request) {
  const auto document = wire::JsonDocument::parse(request, wire::kInboundLimits);
  return document && JsonFields(document->root()).text({"delivery_mode"}) ==
                         name_of(DeliveryMode::manual_flush);
}

/// What an agent takes of the broker's address space: screen, ring, buffers and their neighbours.
constexpr std::uint64_t kLeastSpace = std::uint64_t{64} << 20U;

/// Address space that this process may still take; nothing without a limit.
std::optional<std::uint64_t> space_left(os::Files& files) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  const auto text = files.read("/proc/self/statm", 256);
  if (!text) return std::nullopt;
  std::uint64_t pages = 0;
  std::from_chars(text->data(), text->data() + text->size(), pages);
  const std::uint64_t taken = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, taken);
}

}  // namespace

/// A spawn with this key is under way, until it has ended in whatever way.
class Spawner::UnderWay {
 public:
  UnderWay(Spawner* spawner, std::string key) : spawner_(spawner), key_(std::move(key)) {
    spawner_->under_way_.insert(key_);
  }
  ~UnderWay() {
    spawner_->under_way_.erase(key_);
    spawner_->answered_.notify();
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  Spawner* spawner_;
  std::string key_;
};

asio::awaitable<Result<SpawnedAgent>> Spawner::spawn(SpawnRequest request) {
  const std::string key = request.idempotency_key;
  if (key.empty()) co_return co_await spawn_once(std::move(request));
  const Monotonic deadline = parts_.clock.now() + kAnswerWithin;
  while (under_way_.contains(key)) {
    const Duration left = deadline - parts_.clock.now();
    if (left <= Duration::zero()) co_return fail(Code::timeout, "the same spawn is under way");
    (void)co_await answered_.wait(left);
  }
  const UnderWay under_way(this, key);
  auto known = co_await parts_.records.remembered(key);
  if (!known) co_return fail(std::move(known).error());
  if (*known) co_return read_answer(**known);
  auto made = co_await spawn_once(std::move(request));
  if (made) (void)co_await parts_.records.remember(key, answer_text(*made));
  co_return made;
}

asio::awaitable<Result<SpawnedAgent>> Spawner::spawn_once(SpawnRequest request) {
  // An agent whose program has ended makes room for one of the same name.
  const auto former = parts_.roster.find(request.name);
  if (former && former->exit() && !former->restarting && !former->leaving) {
    ReleaseRequest release(request.name);
    release.reason = "replaced";
    auto gone = co_await releaser_.release(std::move(release));
    if (!gone) co_return fail(std::move(gone).error());
  }
  auto fine = check(request);
  if (!fine) co_return fail(std::move(fine).error());
  auto reserved = parts_.roster.reserve(request.name);
  if (!reserved) co_return fail(std::move(reserved).error());
  Steps steps;
  steps.reservation = *std::move(reserved);
  std::exception_ptr broken;
  Result<SpawnedAgent> made = fail(Code::internal_error, "not tried");
  try {
    made = co_await make(request, &steps);
  } catch (...) {
    broken = std::current_exception();
  }
  if (made) co_return made;
  co_await net::shielded();
  co_await undo(&steps);
  parts_.roster.give_up(request.name, steps.reservation);
  postman_.started(request.name);
  if (broken) std::rethrow_exception(broken);
  co_return made;
}

Result<void> Spawner::check(SpawnRequest& request) const {
  const BrokerSettings& settings = parts_.settings;
  if (settings.max_agents != 0 && parts_.roster.size() >= settings.max_agents) {
    return fail(
        Code::queue_full,
        fmt::format("this broker runs {} agents already, as many as it may", parts_.roster.size()),
        "release one, or start the broker with a higher --max-agents");
  }
  const auto space = space_left(parts_.files);
  if (space && *space < kLeastSpace) {
    return fail(Code::queue_full,
                fmt::format("the broker may take only {} more memory, too little for another agent",
                            human_bytes(*space)),
                "raise its limit (ulimit -v, LimitAS= of the service), or release agents");
  }
  if (request.cwd.empty()) request.cwd = settings.directory.string();
  const auto there = parts_.files.stat(request.cwd);
  std::error_code none;
  if (!std::filesystem::is_directory(request.cwd, none)) {
    return fail(Code::cwd_missing,
                "the working directory " + request.cwd +
                    (there ? " is not a directory" : " does not exist"),
                "make it first, or name another one");
  }
  const auto path = request.environment.contains("PATH")
                        ? std::optional(request.environment.at("PATH"))
                        : settings.environment.get("PATH");
  if (request.channels.empty()) request.channels = settings.channels;
  // A person's own terminal finds it by itself.
  if (!request.guest_control.empty()) return {};
  auto program = os::find_program(request.command.front(),
                                  path.value_or(std::string(os::kUsualPath)), request.cwd);
  if (!program) return fail(std::move(program).error());
  return {};
}

asio::awaitable<Result<SpawnedAgent>> Spawner::make(SpawnRequest request, Steps* steps) {
  const pty::Profile& profile = pty::profile_for(parts_.profiles, request.command.front());
  steps->agent = std::make_shared<Agent>(parts_.executor, host_, parts_.events, parts_.clock,
                                         std::move(request), profile);
  steps->reservation->agent = steps->agent;
  auto step = co_await identify(steps);
  if (step) step = co_await launch(steps);
  if (step) step = co_await prove(steps);
  if (!step) co_return fail(std::move(step).error());

  const auto agent = steps->agent;
  if (!agent->request().task.empty()) {
    pty::Letter letter;
    letter.kind = pty::MessageKind::system;
    letter.sender = agent->request().parent.empty() ? "broker" : agent->request().parent;
    letter.id = "init_" + uuid_v4(parts_.random);
    letter.body = agent->request().task;
    auto posted = co_await postman_.post(agent, std::move(letter), 2);
    if (!posted) co_return fail(std::move(posted).error());
  }
  SpawnedAgent out;
  out.name = agent->name();
  out.agent_id = agent->agent_id;
  out.generation = agent->generation();
  out.session_id = agent->session_id;
  out.model = agent->request().model;
  out.node = parts_.engine->status().node_name;
  out.pid = agent->view().pid;
  out.pre_registered = !steps->registered && !agent->token.empty();
  out.warning = steps->warning;
  if (out.warning.empty() && !agent->request().resume.empty() && profile.resume.args.empty()) {
    out.warning = "it starts anew: no session of " + agent->request().command.front() +
                  " can be gone on with";
  }
  if (agent->guest() != nullptr) tell_launch(steps->plan, out);
  co_return out;
}

/// Who it is, at the engine and in its environment.
asio::awaitable<Result<void>> Spawner::identify(Steps* steps) {
  const auto agent = steps->agent;
  const SpawnRequest& request = agent->request();
  const os::Path directory = Releaser::agent_directory(parts_.settings, request.name);
  if (request.result_schema) {
    agent->result_token = Secret(random_hex("arr_", 16, parts_.random));
  }
  const bool gets_token = !request.agent_token.empty() || !parts_.settings.engine.empty();
  steps->plan = plan_for(*agent, request, gets_token);
  agent->session_id = steps->plan.session_id;
  if (!request.agent_token.empty()) {
    agent->agent_id = request.agent_id;
    agent->token = request.agent_token;
  } else {
    auto identity =
        co_await parts_.engine->enroll(request.name, request.invocation_id, agent->session_id);
    if (!identity) co_return fail(std::move(identity).error());
    steps->registered = true;
    agent->agent_id = identity->agent_id;
    agent->token = identity->token;
  }
  if (steps->reservation->released) co_return fail(released_before());
  if (agent->token.empty()) co_return Result<void>();
  co_await enter_channels(steps);
  auto made = parts_.files.make_private_directory(directory);
  if (made) made = parts_.files.put(directory / "token", agent->token.reveal());
  if (made && !steps->plan.mcp_config.empty()) {
    made = parts_.files.put(directory / "mcp.json", steps->plan.mcp_config);
  }
  co_return made;
}

/// What is said there at the engine reaches it, too. Without that it is an agent all the same.
asio::awaitable<void> Spawner::enter_channels(Steps* steps) {
  const auto agent = steps->agent;
  const std::vector<std::string> channels = agent->channels();
  const Monotonic by = parts_.clock.now() + parts_.settings.enter_within;
  for (const std::string& channel : channels) {
    // Every agent is in this one.
    if (equal_ignoring_case(channel, "general")) continue;
    const Duration left = std::max(by - parts_.clock.now(), Duration::zero());
    auto entering = parts_.engine->change_channel(channel, agent->token, true);
    const auto entered = co_await net::with_timeout(std::move(entering), left, "entering it");
    if (entered) continue;
    steps->warning = "it is not in #" + channel + " at the engine: " + entered.error().message;
  }
}

asio::awaitable<Result<void>> Spawner::launch(Steps* steps) {
  const auto agent = steps->agent;
  const SpawnRequest& request = agent->request();
  if (!request.guest_control.empty()) co_return co_await receive_guest(steps);
  pty::SpawnOrder order(uuid_v4(parts_.random), request.name, steps->plan.argv,
                        steps->plan.environment, request.cwd);
  order.columns = request.columns;
  order.rows = request.rows;
  auto program = co_await programs_.start(std::move(order), kStartWithin);
  if (!program) co_return fail(std::move(program).error());
  const std::string generation = program->generation;
  agent->started = parts_.clock.wall();
  auto attended = agent->start(*std::move(program), parts_.watch, parts_.turns);
  if (!attended) {
    (void)co_await programs_.end(generation, Duration::zero());
    co_return attended;
  }
  auto kept = co_await parts_.records.put_agent(stored(*agent));
  if (!kept) co_return kept;
  if (steps->reservation->released) co_return fail(released_before());
  list(steps);
  co_return Result<void>();
}

void Spawner::list(Steps* steps) {
  const auto agent = steps->agent;
  parts_.roster.add(agent);
  steps->listed = true;
  postman_.started(agent->name());
  parts_.engine->agents_changed();
  parts_.events.add("agent_spawned", [&](JsonWriter& out) {
    out.field("name", agent->request().name);
    out.field("runtime", "pty");
    out.key("provider");
    out.null();
    out.field("cli", agent->request().command.front());
    out.field("model", agent->request().model);
    out.field("sessionId", agent->session_id);
    out.field("pid", std::int64_t{agent->view().pid});
    out.field("source",
              agent->request().source == SpawnSource::action ? "relaycast_ws" : "http_api");
    out.field("pre_registered", !steps->registered);
    out.key("registration_warning");
    out.null();
  });
}

/// That it really runs.
asio::awaitable<Result<void>> Spawner::prove(Steps* steps) {
  const auto agent = steps->agent;
  // It is started when we have answered.
  if (agent->guest() != nullptr) co_return Result<void>();
  const bool ready_wanted = agent->request().wait == SpawnWait::ready;
  bool ready = false;
  const Monotonic proven = parts_.clock.now() + parts_.settings.alive_for;
  if (ready_wanted) ready = co_await agent->wait_ready(agent->request().within);
  // A program without a prompt counts as ready from its start: it has to live for a moment, too.
  const Duration left = proven - parts_.clock.now();
  if (left > Duration::zero()) (void)co_await agent->wait_exit(left);
  if (agent->leaving) co_return fail(released_before());
  if (agent->exit() && !agent->restarting) {
    const std::string words = agent->last_words();
    co_return fail(Code::spawn_failed,
                   fmt::format("spawn_harness_not_ready: {} ended at once: {}{}{}",
                               agent->request().command.front(), agent->exit()->text(),
                               words.empty() ? "" : "; its last words:\n", words));
  }
  if (ready_wanted && !ready) {
    const AgentView view = agent->view();
    const std::string words = agent->last_words();
    co_return fail(Code::timeout,
                   fmt::format("spawn_readiness_timeout: {} did not become ready{}{}{}",
                               agent->request().command.front(),
                               view.blocked_by.empty() ? "" : "; in its way: " + view.blocked_by,
                               words.empty() ? "" : "; its screen ends with:\n", words));
  }
  co_return Result<void>();
}

asio::awaitable<void> Spawner::undo(Steps* steps) {
  const auto agent = steps->agent;
  if (!agent) co_return;
  if (steps->listed) {
    // Another agent may have the name by now.
    if (parts_.roster.find(agent->name()) != agent) co_return;
    ReleaseRequest release(agent->name());
    release.reason = "spawn_failed";
    release.grace = Duration::zero();
    (void)co_await releaser_.release(std::move(release));
    co_return;
  }
  agent->leaving = true;
  if (!agent->generation().empty()) {
    (void)co_await programs_.end(agent->generation(), Duration::zero());
  }
  co_await agent->stop();
  if (steps->registered) (void)parts_.engine->deregister(agent->agent_id, agent->name());
  (void)co_await parts_.records.remove_agent(agent->name());
  releaser_.remove_files(agent->name());
}

Launch Spawner::plan_for(const Agent& agent, const SpawnRequest& request, bool gets_token) {
  const BrokerSettings& settings = parts_.settings;
  AgentSurroundings surroundings;
  surroundings.agent_name = request.name;
  surroundings.broker = settings.instance;
  surroundings.engine = settings.engine;
  surroundings.workspace_id = settings.workspace_id;
  surroundings.result_url = settings.result_url;
  surroundings.result_token = agent.result_token.reveal();
  surroundings.mcp_command = settings.program.string();
  const os::Path directory = Releaser::agent_directory(settings, request.name);
  surroundings.mcp_file = (directory / "mcp.json").string();
  if (gets_token) surroundings.token_file = (directory / "token").string();
  const bool guest = !request.guest_control.empty();
  return plan_launch(request, agent.profile(), surroundings,
                     guest ? os::Environment() : settings.environment, uuid_v4(parts_.random));
}

StoredAgent Spawner::stored(const Agent& agent) const {
  StoredAgent out;
  out.name = agent.name();
  out.agent_id = agent.agent_id;
  out.generation = agent.generation();
  out.request = spawn_request_text(agent.request(), agent.session_id, agent.mailbox().mode());
  out.started = agent.started;
  out.restarts = agent.restarts;
  return out;
}

asio::awaitable<Result<void>> Spawner::start_again(std::shared_ptr<Agent> agent) {
  co_await agent->stop();
  SpawnRequest request = agent->request();
  // Goes on where the last program was, if its CLI can.
  if (!agent->session_id.empty()) request.resume = agent->session_id;
  const Launch plan = plan_for(*agent, request, !agent->token.empty());
  pty::SpawnOrder order(uuid_v4(parts_.random), request.name, plan.argv, plan.environment,
                        request.cwd);
  order.columns = request.columns;
  order.rows = request.rows;
  auto program = co_await programs_.start(std::move(order), kStartWithin);
  if (!program) co_return fail(std::move(program).error());
  const std::string generation = program->generation;
  if (agent->leaving) {
    (void)co_await programs_.end(generation, Duration::zero());
    co_return fail(released_before());
  }
  auto attended = agent->start(*std::move(program), parts_.watch, parts_.turns);
  if (!attended) {
    (void)co_await programs_.end(generation, Duration::zero());
    co_return attended;
  }
  agent->session_id = plan.session_id;
  co_return co_await parts_.records.put_agent(stored(*agent));
}

asio::awaitable<Result<void>> Spawner::keep(std::shared_ptr<Agent> agent) {
  return parts_.records.put_agent(stored(*agent));
}

Result<std::shared_ptr<Agent>> Spawner::agent_of(const StoredAgent& stored) {
  auto request = spawn_request_of_api(stored.request);
  if (!request) return fail(std::move(request).error());
  const pty::Profile& profile = pty::profile_for(parts_.profiles, request->command.front());
  auto agent = std::make_shared<Agent>(parts_.executor, host_, parts_.events, parts_.clock,
                                       *std::move(request), profile);
  agent->agent_id = stored.agent_id;
  agent->session_id = agent->request().resume;
  agent->started = stored.started;
  agent->restarts = stored.restarts;
  if (holds_messages(stored.request)) agent->set_mode(DeliveryMode::manual_flush);
  const auto token = parts_.files.read_private(
      Releaser::agent_directory(parts_.settings, stored.name) / "token", 4096);
  if (token) agent->token = Secret(*token);
  return agent;
}

Result<std::shared_ptr<Agent>> Spawner::adopt(const StoredAgent& stored, Agent::Program program) {
  auto agent = agent_of(stored);
  if (!agent) return agent;
  auto attended = (*agent)->start(std::move(program), parts_.watch, parts_.turns);
  if (!attended) return fail(std::move(attended).error());
  parts_.roster.add(*agent);
  return agent;
}

}  // namespace relay::broker
