#include "cli/mcp.hpp"

#include "cli/mcp_caller.hpp"
#include "cli/run_loop.hpp"
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <deque>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include "mcp/server.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"

namespace relay::cli {
namespace {

/// For the calls that are under way when the client has gone: a message is sent by then.
constexpr Duration kLastCalls = std::chrono::seconds(5);
/// A wait that is ended by what it waits for.
constexpr Duration kMcpLook = std::chrono::hours(1);
constexpr std::size_t kReadAtATime = std::size_t{64} << 10U;

struct McpOptions {
  bool no_spawn = false;
};

/// Standard input as lines. What the descriptor is shared with is not made non-blocking, unless it
/// is a socket, which cannot be opened again.
class ClientLines {
 public:
  explicit ClientLines(const asio::any_io_executor& executor) : input_(executor) {
    os::Fd own(::open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!own) own = os::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    fd_ = own.get();
    std::error_code error;
    input_.assign(own.release(), error);
    if (!error) input_.non_blocking(true, error);
  }

  /// The next line; nothing at the end. `too_long` for one that was thrown away.
  asio::awaitable<std::optional<std::string>> next(bool* too_long) {
    *too_long = false;
    for (;;) {
      const auto end = waiting_.find('\n', looked_at_);
      if (end != std::string::npos) {
        std::string line = waiting_.substr(0, end);
        waiting_.erase(0, end + 1);
        looked_at_ = 0;
        *too_long = std::exchange(skipping_, false);
        co_return line;
      }
      looked_at_ = waiting_.size();
      if (looked_at_ > mcp::kLineLimits.max_bytes) {
        skipping_ = true;
        waiting_.clear();
        looked_at_ = 0;
      }
      const bool more = co_await read_more();
      if (!more) break;
    }
    // A last line may lack its end.
    if (waiting_.empty()) co_return std::nullopt;
    looked_at_ = 0;
    *too_long = std::exchange(skipping_, false);
    co_return std::exchange(waiting_, {});
  }

 private:
  asio::awaitable<bool> read_more() {
    buffer_.resize(kReadAtATime);
    for (;;) {
      const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
      if (got > 0) {
        waiting_.append(buffer_, 0, static_cast<std::size_t>(got));
        co_return true;
      }
      if (got < 0 && errno == EINTR) continue;
      if (got == 0 || errno != EAGAIN) co_return false;
      std::error_code error;
      co_await input_.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return false;
    }
  }

  asio::posix::stream_descriptor input_;
  int fd_ = -1;
  std::string buffer_;
  std::string waiting_;
  std::size_t looked_at_ = 0;
  bool skipping_ = false;
};

/// Standard output: waits for the client, who is the only one that is kept waiting.
bool write_to_client(std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(STDOUT_FILENO, text.data(), text.size());
    if (done >= 0) {
      text.remove_prefix(static_cast<std::size_t>(done));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    pollfd room{STDOUT_FILENO, POLLOUT, 0};
    (void)::poll(&room, 1, -1);
  }
  return true;
}

/// One run of `mcp`.
class McpRun {
 public:
  McpRun(asio::any_io_executor executor, AgentAccess access, const McpOptions& options)
      : executor_(executor),
        caller_(executor, std::move(access)),
        server_(facts_of(caller_.access(), options)),
        lines_(executor),
        changed_(executor),
        tasks_(executor) {}

  asio::awaitable<Result<void>> run() {
    tasks_.spawn(make_calls());
    bool too_long = false;
    while (!client_gone_) {
      while (server_.calls() >= mcp::kManyCalls && !client_gone_) {
        (void)co_await changed_.wait(kMcpLook);
      }
      const auto line = co_await lines_.next(&too_long);
      if (!line) break;
      take(too_long ? mcp::Server::on_long_line() : server_.on_line(*line));
    }
    ended_ = true;
    changed_.notify();
    co_await net::shielded();
    // What was asked for before the end is done, if it can be done soon.
    while (current_ != nullptr || (!waiting_.empty() && !client_gone_)) {
      const bool in_time = co_await changed_.wait(kLastCalls);
      if (in_time) continue;
      client_gone_ = true;
      if (current_ != nullptr) current_->cancel();
    }
    client_gone_ = true;
    changed_.notify();
    co_await tasks_.join();
    co_return Result<void>();
  }

 private:
  static mcp::ServerFacts facts_of(const AgentAccess& access, const McpOptions& options) {
    mcp::ServerFacts facts;
    facts.version = RELAY_BROKER_VERSION;
    facts.agent = access.agent;
    facts.offer.identity = access.has_identity();
    facts.offer.spawning = !options.no_spawn;
    facts.offer.results = !access.result_url.empty() && !access.result_token.empty();
    facts.offer.result_schema = access.environment.get("AGENT_RELAY_RESULT_SCHEMA").value_or("");
    return facts;
  }

  void take(mcp::ServerStep step) {
    for (const std::uint64_t number : step.cancelled) {
      std::erase_if(waiting_, [number](const auto& call) { return call.number == number; });
      if (current_ != nullptr && running_ == number) current_->cancel();
    }
    for (auto& call : step.calls) waiting_.push_back(std::move(call));
    if (!write_to_client(step.out)) {
      client_gone_ = true;
      if (current_ != nullptr) current_->cancel();
    }
    changed_.notify();
  }

  /// One after the other, in the order in which they came. Each in a group of its own, so that it
  /// can be cancelled alone.
  asio::awaitable<void> make_calls() {
    co_await net::shielded();
    while (!client_gone_) {
      if (waiting_.empty()) {
        if (ended_) co_return;
        (void)co_await changed_.wait(kMcpLook);
        continue;
      }
      mcp::ToolCall call = std::move(waiting_.front());
      waiting_.pop_front();
      net::TaskGroup one(executor_);
      const Making making(this, &one, call.number);
      one.spawn(make_call(std::move(call)));
      co_await one.join();
    }
  }

  asio::awaitable<void> make_call(mcp::ToolCall call) {
    const std::uint64_t number = call.number;
    const bool registers = call.run.request().credential == mcp::Credential::workspace;
    const mcp::ToolResult result = co_await caller_.make(std::move(call.run));
    if (registers && !result.is_error) {
      server_.has_identity();
      (void)write_to_client(
          "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n");
    }
    take(server_.on_result(number, result));
  }

  /// While one call is made, whatever its end.
  class Making {
   public:
    Making(McpRun* run, net::TaskGroup* group, std::uint64_t number) : run_(run) {
      run_->current_ = group;
      run_->running_ = number;
    }
    ~Making() {
      run_->current_ = nullptr;
      run_->changed_.notify();
    }
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;

   private:
    McpRun* run_;
  };

  asio::any_io_executor executor_;
  McpCaller caller_;
  mcp::Server server_;
  ClientLines lines_;
  net::Event changed_;
  net::TaskGroup tasks_;
  std::deque<mcp::ToolCall> waiting_;
  /// Of the call under way, while there is one.
  net::TaskGroup* current_ = nullptr;
  std::uint64_t running_ = 0;
  /// Nothing more is read.
  bool ended_ = false;
  bool client_gone_ = false;
};

asio::awaitable<Result<void>> serve_client(asio::any_io_executor executor,
                                           const McpOptions* options) {
  McpRun run(executor, AgentAccess::from(os::Environment::of_process()), *options);
  co_return co_await run.run();
}

}  // namespace

Command mcp_command() {
  auto options = std::make_shared<McpOptions>();
  Command command;
  command.name = "mcp";
  command.summary = "Serve an agent its message tools on standard input and output (MCP)";
  command.examples = {"relay-broker mcp",
                      "claude mcp add agent-relay -- relay-broker mcp --no-spawn"};
  command.options.push_back(
      Option("--no-spawn", "Offer no tools that start or end agents", &options->no_spawn));
  command.run = [options](Context& context) -> Result<void> {
    // A signal ends it at once: there is nothing to put in order.
    (void)context;
    os::dump_no_core();
    return serve_loop([&](asio::any_io_executor executor, Progress*) {
      return serve_client(std::move(executor), options.get());
    });
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
