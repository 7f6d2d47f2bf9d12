#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "broker/agent_view.hpp"
#include "broker/event_log.hpp"
#include "broker/handlers.hpp"
#include "broker/spawn_request.hpp"
#include "node_control/node_options.hpp"
#include "pty/screen/screen_view.hpp"
#include "pty/session/session_viewers.hpp"
#include "pty/session/size_lease.hpp"
#include "wire/json.hpp"

namespace relay::broker {

struct SpawnedAgent {
  std::string name;
  std::string agent_id;
  std::string generation;
  std::string session_id;
  std::string model;
  std::string node;
  pid_t pid = 0;
  /// The caller brought the identity.
  bool pre_registered = false;
  /// How a program in a person's own terminal is to be started: its words, and variables that come
  /// on top of those that are there.
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  /// Why the agent may not be reachable yet; empty when it is.
  std::string warning;
};

struct ReleaseRequest {
  ReleaseRequest() = default;
  explicit ReleaseRequest(std::string name_in) : name(std::move(name_in)) {}
  std::string name;
  std::string reason;
  /// Between SIGTERM and SIGKILL; the broker's own when it is not given.
  std::optional<Duration> grace;
  /// The identity at the engine goes too.
  bool delete_identity = false;
};

struct ReleasedAgent {
  std::string name;
  /// False: nothing of it was here.
  bool known = false;
  /// Its program had ended before.
  bool had_exited = false;
  /// Messages that became dead letters.
  std::size_t dropped = 0;
};

/// A message from somebody at this machine.
struct SendRequest {
  SendRequest() = default;
  std::string to;
  std::string text;
  std::string from;
  /// `from` has to be an agent of this broker; otherwise any name is taken.
  bool from_agent = false;
  std::string thread_id;
  /// There has to be a message of that id; otherwise it may be any name for a conversation.
  bool thread_is_message = false;
  bool steer = false;
};

/// The `detail` of the error when it is the sender who is not here.
inline constexpr std::string_view kNoSender = "no_sender";

struct SentMessage {
  std::string event_id;
  /// Agents of this broker that got it.
  std::size_t delivered = 0;
  /// It went through the engine.
  bool published = false;
  /// What its sender should know; empty for nothing.
  std::string warning;
};

struct ModeChange {
  ModeChange() = default;
  DeliveryMode mode = DeliveryMode::auto_inject;
  std::optional<DeliveryMode> expected_mode;
  std::optional<std::uint64_t> expected_revision;
};

struct ModeChanged {
  DeliveryMode mode = DeliveryMode::auto_inject;
  std::uint64_t revision = 0;
  /// Messages that were let go.
  std::size_t flushed = 0;
  /// False: what was expected did not hold, and nothing was changed.
  bool matched = true;
};

/// What an agent hands in with the token that it was given for that.
struct HandedIn {
  HandedIn() = default;
  Secret token;
  /// Who the caller says it is; empty when it does not say.
  std::string name;
  wire::Json data;
  bool final = true;
  std::optional<wire::Json> metadata;
};

struct AcceptedResult {
  std::string name;
  /// "ar_…"
  std::string result_id;
};

/// The whole broker, for `status` and `/health`.
struct BrokerView {
  BrokerView() = default;
  std::string instance;
  std::string version;
  pid_t pid = 0;
  std::string state_dir;
  std::string engine;
  std::string workspace_id;
  bool tunnel_off = false;
  node_control::NodeStatus node;
  Duration uptime{};
  std::size_t pending = 0;
  std::size_t dead_letters = 0;
  std::uint64_t spawned = 0;
  std::uint64_t crashes = 0;
  std::uint64_t restarts = 0;
  /// Bytes of the broker's own memory.
  std::uint64_t memory = 0;
  bool draining = false;
};

/// What may be asked of a running broker. The local API and the engine's actions come here alike,
/// on the loop thread. Whatever takes an agent's name fails with `agent_not_found` for one that is
/// not here. No call waits for a program that does not read, or for the engine beyond its own
/// deadline.
class Operations {
 public:
  Operations() = default;
  virtual ~Operations() = default;
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  virtual asio::awaitable<Result<SpawnedAgent>> spawn(SpawnRequest request) = 0;
  /// Also good for a name that is not here: what is left of it is cleaned up then.
  virtual asio::awaitable<Result<ReleasedAgent>> release(ReleaseRequest request) = 0;

  /// By name.
  [[nodiscard]] virtual std::vector<AgentView> agents() = 0;
  [[nodiscard]] virtual Result<AgentView> agent(const std::string& name) = 0;
  [[nodiscard]] virtual BrokerView broker() = 0;
  [[nodiscard]] virtual EventLog& events() = 0;
  /// What programs of this machine do for the engine.
  [[nodiscard]] virtual Handlers& handlers() = 0;

  /// To an agent, or with '#' to the agents of a channel; through the engine when it has to.
  virtual asio::awaitable<Result<SentMessage>> send(SendRequest request) = 0;

  /// Keys for a terminal, all or none; returns when they were taken in.
  virtual asio::awaitable<Result<std::size_t>> type(std::string name, std::string keys) = 0;
  /// The person at the terminal says that messages may go on.
  virtual Result<void> human_done(const std::string& name) = 0;
  virtual Result<pty::SizeAnswer> resize(const std::string& name,
                                         const pty::SizeRequest& request) = 0;
  [[nodiscard]] virtual Result<pty::ScreenView> screen(const std::string& name) = 0;
  /// What the agent prints from `cursor` on; as for SessionViewers::next.
  virtual asio::awaitable<Result<pty::ViewedOutput>> output(std::string name, std::uint64_t cursor,
                                                            Duration at_most) = 0;

  virtual asio::awaitable<Result<ModeChanged>> set_mode(std::string name, ModeChange change) = 0;
  /// Lets go what waits, whatever the mode; how many.
  virtual asio::awaitable<Result<std::size_t>> flush(std::string name) = 0;
  /// Of one agent, or of all with an empty name; oldest first.
  [[nodiscard]] virtual Result<std::vector<PendingMessage>> pending(const std::string& name) = 0;

  /// Oldest first, at most `most`, those after the id `after`.
  virtual asio::awaitable<Result<std::vector<DeadLetterView>>> dead_letters(std::int64_t after,
                                                                            std::size_t most) = 0;
  /// Offers it to its agent again; `not_found`, or `agent_not_found` when that is not here.
  virtual asio::awaitable<Result<void>> redeliver(std::int64_t id) = 0;
  virtual asio::awaitable<Result<void>> drop_dead_letter(std::int64_t id) = 0;

  /// The channels of an agent after the change.
  virtual Result<std::vector<std::string>> subscribe(const std::string& name,
                                                     const std::vector<std::string>& channels) = 0;
  virtual Result<std::vector<std::string>> unsubscribe(
      const std::string& name, const std::vector<std::string>& channels) = 0;

  /// Has the agent's CLI use another model, as a person would: what is typed goes through the
  /// injector, never into a message that is being typed.
  virtual asio::awaitable<Result<void>> set_model(std::string name, std::string model,
                                                  Duration at_most) = 0;

  /// `unauthorized` for a token that no agent here has, or that of another than `name`;
  /// `invalid_argument` when the data does not fit the agent's schema.
  virtual Result<AcceptedResult> hand_in(HandedIn result) = 0;

  /// Programs that have ended badly, oldest first, at most the last 20.
  [[nodiscard]] virtual std::vector<CrashView> crashes() = 0;

  /// The broker ends, as after SIGTERM.
  virtual void shut_down() = 0;
};

}  // namespace relay::broker
