#include "cli/stop.hpp"

#include "cli/broker_client.hpp"
#include "cli/output.hpp"
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "net/timeout.hpp"
#include "os/fd.hpp"

namespace relay::cli {
namespace {

constexpr Duration kAskWithin = std::chrono::seconds(10);
/// A broker drains its messages and ends every process tree: longer than all its own deadlines.
constexpr Duration kStopsWithin = std::chrono::seconds(90);
constexpr Duration kLookEvery = std::chrono::milliseconds(20);

bool has_ended(const os::Fd& process) {
  pollfd looked{process.get(), POLLIN, 0};
  return ::poll(&looked, 1, 0) > 0;
}

/// It has ended meanwhile, or is ending: somebody else was quicker.
bool has_left(const Error& error) {
  return error.code == Code::broker_not_running || error.detail == kBrokerNotReady;
}

void tell_stopped(Context& context, const std::string& instance, pid_t pid) {
  context.deed = "the broker was stopped";
  if (!context.json) {
    return context.out.line(fmt::format("{}: stopped (pid {})", instance, pid));
  }
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("instance", instance);
  out.field("pid", std::int64_t{pid});
  out.field("stopped", true);
  out.end_object();
  out.finish();
  context.out.line(text);
}

asio::awaitable<Result<void>> stop(Context* context, BrokerClient* client, Progress* progress) {
  const auto about = co_await client->call("GET", "/api/broker", "", kAskWithin);
  if (!about) co_return fail(about.error());
  const auto document = wire::JsonDocument::parse(about->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  const auto number = document->root().find("pid");
  const auto pid = static_cast<pid_t>(number ? number->signed_integer().value_or(0) : 0);
  // Held before it is asked: nobody else gets the number meanwhile.
  const os::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto asked = co_await client->call("POST", "/api/shutdown", "{}", kAskWithin);
  if (!asked && !(process && has_left(asked.error()))) co_return fail(asked.error());
  const std::string& name = client->instance().name;
  progress->step("waiting for the broker and its agents to end");
  const SystemClock clock;
  const Monotonic deadline = clock.now() + kStopsWithin;
  while (process ? !has_ended(process) : is_served(client->instance())) {
    if (clock.now() >= deadline) {
      co_return fail(Code::timeout,
                     fmt::format("the broker of {} (pid {}) does not end", name, pid),
                     "relay-broker doctor says what it left; kill -9 ends it at once");
    }
    co_await net::pause(kLookEvery);
  }
  progress->done();
  tell_stopped(*context, name, pid);
  co_return Result<void>();
}

}  // namespace

Command stop_command() {
  auto options = std::make_shared<BrokerOptions>();
  Command command;
  command.name = "stop";
  command.bears_bad_config = true;
  command.summary = "End the broker of this directory, and its agents";
  command.examples = {"relay-broker stop", "relay-broker stop --instance shop-1a2b3c4d"};
  add_broker_options(command, *options);
  command.run = [options](Context& context) {
    const BrokerWork work = [&](BrokerClient* client, Progress* progress) {
      return stop(&context, client, progress);
    };
    return with_broker(context, *options, work, Harm::destroys);
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
