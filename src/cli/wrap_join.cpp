#include "cli/wrap_join.hpp"

#include "cli/agent_names.hpp"
#include "cli/broker_client.hpp"
#include "cli/node_setup.hpp"
#include <algorithm>
#include <array>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

#include "base/json_writer.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/posix_processes.hpp"
#include "os/terminal.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

constexpr Duration kBrokerStartsWithin = std::chrono::seconds(60);
constexpr Duration kJoinWithin = std::chrono::seconds(30);
constexpr std::size_t kMostWords = 4096;

Result<std::optional<broker::Instance>> running_here(const std::string& named) {
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  auto all = running_brokers();
  if (!all) return fail(std::move(all).error());
  std::vector<std::string> wanted = os::instance_candidates(around->working_directory);
  const auto by_variable = around->environment.get("RELAY_BROKER_INSTANCE");
  if (!named.empty() || by_variable) wanted = {named.empty() ? *by_variable : named};
  for (const std::string& name : wanted) {
    const auto found = std::find_if(all->begin(), all->end(),
                                    [&](const auto& instance) { return instance.name == name; });
    if (found != all->end()) return std::optional(std::move(*found));
  }
  return std::optional<broker::Instance>();
}

/// What a program says on standard error, and its status.
Result<void> run_serve_in_background(const std::string& instance) {
  std::vector<std::string> argv{"relay-broker", "serve", "--background"};
  if (!instance.empty()) argv.insert(argv.end(), {"--instance", instance});
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os::errno_error(errno, "cannot start"));
  const os::Fd reads(ends[0]);
  os::Fd writes(ends[1]);
  os::Command command(std::move(argv), os::Environment::of_process());
  command.program = "/proc/self/exe";
  command.error = writes.get();
  auto broker = os::PosixProcesses().start(command);
  if (!broker) return fail(std::move(broker).error());
  writes = os::Fd();
  std::string said;
  std::array<char, 1024> buffer;
  // Its end closes the pipe; the broker that it leaves behind has a log of its own by then.
  for (;;) {
    const auto got = ::read(reads.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (said.size() < kMostWords) said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const auto status = (*broker)->wait(kBrokerStartsWithin);
  if (!status) return fail(status.error());
  if (status->success()) return {};
  while (said.ends_with('\n')) said.pop_back();
  return fail(Code::broker_not_running,
              "the broker of this directory could not be started: " + status->text() +
                  (said.empty() ? "" : "\n" + said),
              "relay-broker wrap --no-inject runs the program without messages");
}

std::string join_body(const JoinRequest& request, const std::string& name,
                      const std::string& directory) {
  std::string text;
  JsonWriter out(text);
  const auto texts = [&out](std::string_view key, auto from, auto to) {
    out.key(key);
    out.begin_array();
    for (; from != to; ++from) out.value(*from);
    out.end_array();
  };
  out.begin_object();
  out.field("name", name);
  out.field("guest_control", request.control.string());
  out.field("attended", true);
  out.field("cwd", directory);
  out.key("harness_config");
  out.begin_object();
  out.field("runtime", "pty");
  out.field("command", request.argv.front());
  texts("args", request.argv.begin() + 1, request.argv.end());
  out.end_object();
  if (!request.task.empty()) out.field("task", request.task);
  if (!request.channels.empty()) {
    texts("channels", request.channels.begin(), request.channels.end());
  }
  out.end_object();
  out.finish();
  return text;
}

Result<JoinedAgent> read_joined(const std::string& text) {
  const auto document = wire::JsonDocument::parse(text, wire::kEngineLimits);
  if (!document) return fail(document.error());
  JoinedAgent out;
  out.name = text_field(document->root(), "name");
  if (const auto argv = document->root().find("argv")) {
    for (const auto& word : argv->elements()) out.argv.emplace_back(word.string().value_or(""));
  }
  if (const auto variables = document->root().find("environment")) {
    for (const auto& [name, value] : variables->members()) {
      out.environment.emplace_back(std::string(name), std::string(value.string().value_or("")));
    }
  }
  if (!out.argv.empty()) return out;
  return fail(Code::protocol_error, "the broker is an older one and knows nothing of wrap",
              "restart it: relay-broker serve --takeover keeps its agents");
}

}  // namespace

Result<broker::Instance> broker_for_wrap(const std::string& instance, bool autostart) {
  auto here = running_here(instance);
  if (!here) return fail(std::move(here).error());
  if (*here) return **std::move(here);
  if (!autostart) {
    return fail(Code::broker_not_running, "no broker runs for this directory",
                "start one with relay-broker serve, or leave --no-autostart out");
  }
  if (os::is_terminal(STDERR_FILENO)) note("starting the broker of this directory");
  auto started = run_serve_in_background(instance);
  // Two who start at once: the other one's broker will do.
  here = running_here(instance);
  if (here && *here) return **std::move(here);
  if (!started) return fail(std::move(started).error());
  return fail(Code::broker_not_running, "the broker has ended at once",
              "relay-broker serve shows why");
}

asio::awaitable<Result<JoinedAgent>> join_broker(asio::any_io_executor executor,
                                                 broker::Instance instance, JoinRequest request) {
  BrokerClient client(std::move(executor), std::move(instance));
  os::SystemRandom random;
  const bool named = !request.name.empty();
  const std::string directory = std::filesystem::current_path().string();
  const std::string name = named ? request.name : agent_name_for(request.argv.front(), random);
  auto body = join_body(request, name, directory);
  const auto reply = co_await client.call("POST", "/api/spawn", std::move(body), kJoinWithin);
  if (!reply) co_return fail(reply.error());
  co_return read_joined(reply->text());
}

}  // namespace relay::cli
